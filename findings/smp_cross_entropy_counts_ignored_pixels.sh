#!/usr/bin/env bash
# segmentation_models_pytorch: SoftCrossEntropyLoss and SoftBCEWithLogitsLoss, which call themselves drop-in replacements
# of torch's, divide by all pixels, ignored ones too. Where a quarter is labelled, loss and gradients are a quarter.
#
# ignore_index takes the ignored pixels out of the sum and leaves them in the mean's denominator. With void borders, padded
# crops or sparse annotations a batch counts the less the less of it is labelled, the loss falls when there is more
# padding, it cannot be compared with one by torch, and in the usual sum with DiceLoss, which leaves ignored pixels out
# altogether, each batch has a mixture of its own. reduction="sum" divided by the number of labelled pixels is torch's
# mean. Besides, SoftCrossEntropyLoss needs a smooth_factor: its default of None raises a TypeError.
# Source: segmentation_models_pytorch/losses/_functional.py, label_smoothed_nll_loss (masked_fill, then mean), and
# losses/soft_bce.py, forward; https://github.com/qubvel-org/segmentation_models.pytorch/issues/852 (closed, marked stale).
# Versions: segmentation-models-pytorch 0.6.0, torch 2.15.0, numpy 2.4.6.
# Seen: the lines at the end; the same scores and labels with three quarters of the labels ignored, or cut off.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet segmentation-models-pytorch==0.6.0 torch==2.15.0 torchvision==0.29.2 timm==1.0.31 numpy==2.4.6
cat >ignored.py <<'PY'
import torch
from segmentation_models_pytorch import losses

random = torch.Generator().manual_seed(0)
scores = torch.randn(4, 5, 32, 32, generator=random)
labels = torch.randint(0, 5, (4, 32, 32), generator=random)

def run(loss, scores, labels):
    scores = scores.clone().requires_grad_()
    value = loss(scores, labels)
    value.backward()
    return value.item(), scores.grad.norm().item()

def compare(name, loss, scores=scores, labels=labels):
    ignored = labels.clone()
    ignored[..., 8:, :] = 255
    whole, part = run(loss, scores, ignored), run(loss, scores[:, :, :8], labels[..., :8, :])
    print(f"{name}: {whole[0]:.3f} with ignored pixels, {part[0]:.3f} without;"
          f" loss {whole[0] / part[0]:.2f}, gradients {whole[1] / part[1]:.2f} of it")

def by_sum(scores, labels):
    return losses.SoftCrossEntropyLoss("sum", 0.1, 255)(scores, labels) / (labels != 255).sum()

compare("torch's CrossEntropyLoss", torch.nn.CrossEntropyLoss(ignore_index=255))
compare("SoftCrossEntropyLoss, smooth_factor 0", losses.SoftCrossEntropyLoss(smooth_factor=0.0, ignore_index=255))
compare("torch's, label_smoothing 0.1", torch.nn.CrossEntropyLoss(ignore_index=255, label_smoothing=0.1))
compare("SoftCrossEntropyLoss, smooth_factor 0.1", losses.SoftCrossEntropyLoss(smooth_factor=0.1, ignore_index=255))
compare("  its sum by the labelled pixels", by_sum)
compare("SoftBCEWithLogitsLoss", losses.SoftBCEWithLogitsLoss(ignore_index=255), scores[:, :1], (labels[:, None] == 1).float())
for make in (losses.DiceLoss, losses.JaccardLoss, losses.FocalLoss, losses.LovaszLoss):
    compare(make.__name__, make("multiclass", ignore_index=255))
try:
    losses.SoftCrossEntropyLoss(ignore_index=255)(scores, labels)
except TypeError:
    print("SoftCrossEntropyLoss without smooth_factor: TypeError")
PY
venv/bin/python ignored.py | tee seen
diff - seen <<'EOT'
torch's CrossEntropyLoss: 1.935 with ignored pixels, 1.935 without; loss 1.00, gradients 1.00 of it
SoftCrossEntropyLoss, smooth_factor 0: 0.484 with ignored pixels, 1.935 without; loss 0.25, gradients 0.25 of it
torch's, label_smoothing 0.1: 1.939 with ignored pixels, 1.939 without; loss 1.00, gradients 1.00 of it
SoftCrossEntropyLoss, smooth_factor 0.1: 0.485 with ignored pixels, 1.939 without; loss 0.25, gradients 0.25 of it
  its sum by the labelled pixels: 1.939 with ignored pixels, 1.939 without; loss 1.00, gradients 1.00 of it
SoftBCEWithLogitsLoss: 0.194 with ignored pixels, 0.776 without; loss 0.25, gradients 0.25 of it
DiceLoss: 0.795 with ignored pixels, 0.795 without; loss 1.00, gradients 1.00 of it
JaccardLoss: 0.886 with ignored pixels, 0.886 without; loss 1.00, gradients 1.00 of it
FocalLoss: 0.335 with ignored pixels, 0.335 without; loss 1.00, gradients 1.00 of it
LovaszLoss: 0.800 with ignored pixels, 0.800 without; loss 1.00, gradients 1.00 of it
SoftCrossEntropyLoss without smooth_factor: TypeError
EOT
