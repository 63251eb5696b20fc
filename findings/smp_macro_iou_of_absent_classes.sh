#!/usr/bin/env bash
# segmentation_models_pytorch: a class that is neither there nor predicted has an IoU of 1 in the mean over classes. Image
# by image, with 150 classes, a network that knows nothing is at 0.98. And weighted-imagewise is too small by the number
# of classes.
#
# zero_division is 1 by default in all scores. "macro" of a whole set that has all its classes is right; of a batch, of a
# subset, of labels numbered with gaps, and in "macro-imagewise" always, absent classes lift it, the more of them the
# higher. What counts there is to name no absent class: who says class 0 of every pixel is above who has seven tenths of
# the pixels right. zero_division=0 puts it as far too low. Counts summed over the set with reduction="none",
# zero_division=nan and nanmean give the mIoU that papers report. "weighted-imagewise" divides the weights by their sum
# and then takes a mean over classes on top, also where all classes are there.
# Source: https://smp.readthedocs.io/en/latest/metrics.html (zero_division);
# segmentation_models_pytorch/metrics/functional.py, _handle_zero_division and _compute_metric.
# Versions: segmentation-models-pytorch 0.6.0, torchmetrics 1.9.0, torch 2.15.0, numpy 2.4.6.
# Seen: the lines at the end; four images with classes 0 and 1, four with 2 and 3.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet segmentation-models-pytorch==0.6.0 torchmetrics==1.9.0 torch==2.15.0 torchvision==0.29.2 timm==1.0.31 \
  numpy==2.4.6
cat >absent.py <<'PY'
import torch
from segmentation_models_pytorch.metrics import get_stats, iou_score
from torchmetrics import JaccardIndex

random = torch.Generator().manual_seed(0)
labels = torch.randint(0, 2, (8, 64, 64), generator=random)
labels[4:] += 2
wrong = torch.randint(0, 4, labels.shape, generator=random)
network = torch.where(torch.rand(labels.shape, generator=random) < 0.6, labels, wrong)
constant = torch.zeros_like(labels)

for classes in (4, 20, 150):
    for name, guess in (("seven tenths right", network), ("always class 0", constant)):
        counts = get_stats(guess, labels, mode="multiclass", num_classes=classes)
        words = [f"{reduction} {iou_score(*counts, reduction=reduction):.2f}" for reduction in ("macro", "macro-imagewise")]
        words.append(f"macro, zero_division=0 {iou_score(*counts, reduction='macro', zero_division=0.0):.2f}")
        each = iou_score(*(count.sum(0, keepdim=True) for count in counts), reduction="none", zero_division=float("nan"))
        words.append(f"nanmean {each.nanmean():.2f}")
        words.append(f"JaccardIndex {JaccardIndex('multiclass', num_classes=classes)(guess, labels):.2f}")
        print(f"{classes} classes, {name}:", ", ".join(words))
counts = get_stats(labels, labels, mode="multiclass", num_classes=4)
for reduction in ("weighted", "macro-imagewise", "weighted-imagewise"):
    weights = [1.0] * 4 if "weighted" in reduction else None
    print(f"4 classes, all right, {reduction}: {iou_score(*counts, reduction=reduction, class_weights=weights):.2f}")
PY
venv/bin/python absent.py | tee seen
diff - seen <<'EOT'
4 classes, seven tenths right: macro 0.54, macro-imagewise 0.32, macro, zero_division=0 0.54, nanmean 0.54, JaccardIndex 0.54
4 classes, always class 0: macro 0.06, macro-imagewise 0.44, macro, zero_division=0 0.06, nanmean 0.06, JaccardIndex 0.06
20 classes, seven tenths right: macro 0.91, macro-imagewise 0.86, macro, zero_division=0 0.11, nanmean 0.54, JaccardIndex 0.54
20 classes, always class 0: macro 0.81, macro-imagewise 0.89, macro, zero_division=0 0.01, nanmean 0.06, JaccardIndex 0.06
150 classes, seven tenths right: macro 0.99, macro-imagewise 0.98, macro, zero_division=0 0.01, nanmean 0.54, JaccardIndex 0.54
150 classes, always class 0: macro 0.97, macro-imagewise 0.98, macro, zero_division=0 0.00, nanmean 0.06, JaccardIndex 0.06
4 classes, all right, weighted: 1.00
4 classes, all right, macro-imagewise: 1.00
4 classes, all right, weighted-imagewise: 0.25
EOT
