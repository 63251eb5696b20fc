#!/usr/bin/env bash
# timm: layer_decay scales no learning rate by itself. Without a scheduler, or with one of torch or transformers, all
# layers are fine-tuned at the head's rate, though the groups are there and hold the factors.
#
# create_optimizer_v2 writes `lr_scale` into its groups, which only timm's own schedulers read; every rate is what was
# given as lr. The patches' layer of a ViT of 12 blocks should learn at 0.65 ** 13 of the head's rate and learns at all
# of it, which is what the decay is there to prevent: features are forgotten, and a comparison of decays compares
# nothing. A log of the head's rate, or of the factors, looks right. Multiplying each group's lr by its lr_scale before
# a scheduler is built helps; timm's own must not have it.
# Source: the docstring has "learning rates will be scaled by layer_decay^(max_depth - layer_depth)";
# timm/scheduler/scheduler.py, update_groups; https://github.com/huggingface/pytorch-image-models/pull/2532 (closed).
# Versions: timm 1.0.31, torch 2.15.0, transformers 5.24.0.
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 torchvision==0.29.2 timm==1.0.31 transformers==5.24.0 numpy
cat >decay.py <<'PY'
import logging
logging.disable(logging.WARNING)
import timm, torch
from timm.optim import create_optimizer_v2
from timm.scheduler import CosineLRScheduler
from transformers import get_cosine_schedule_with_warmup

def moved(name, schedule, own=False):
    torch.manual_seed(0)
    model = timm.create_model("vit_tiny_patch16_224", img_size=32, num_classes=10)
    optimizer = create_optimizer_v2(model, "adamw", lr=1e-3, weight_decay=0, layer_decay=0.65)
    if own:
        for group in optimizer.param_groups:
            group["lr"] *= group["lr_scale"]
    step = schedule(optimizer)
    before = [model.patch_embed.proj.weight.detach().clone(), model.head.weight.detach().clone()]
    step(0)
    model(torch.randn(4, 3, 32, 32)).logsumexp(1).sum().backward()
    optimizer.step()
    first, head = ((now - then).abs().max().item() for now, then in
                   zip((model.patch_embed.proj.weight, model.head.weight), before))
    scales = sorted({f"{group['lr_scale']:.4f}" for group in optimizer.param_groups})
    print(f"{name}: factors {scales[0]} to {scales[-1]}; first layer moves {first / head:.4f} of the head's")

def torchs(optimizer):
    torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 100)
    return lambda step: None

def transformer(optimizer):
    get_cosine_schedule_with_warmup(optimizer, 0, 100)
    return lambda step: None

moved("no scheduler", lambda optimizer: lambda step: None)
moved("torch's cosine", torchs)
moved("transformers' cosine", transformer)
moved("timm's cosine", lambda optimizer: CosineLRScheduler(optimizer, 100).step)
moved("torch's cosine, lr multiplied by lr_scale before", torchs, True)
PY
venv/bin/python decay.py 2>log | tee seen || { cat log; exit 1; }
diff - seen <<'EOT'
no scheduler: factors 0.0037 to 1.0000; first layer moves 1.0000 of the head's
torch's cosine: factors 0.0037 to 1.0000; first layer moves 1.0000 of the head's
transformers' cosine: factors 0.0037 to 1.0000; first layer moves 1.0000 of the head's
timm's cosine: factors 0.0037 to 1.0000; first layer moves 0.0037 of the head's
torch's cosine, lr multiplied by lr_scale before: factors 0.0037 to 1.0000; first layer moves 0.0037 of the head's
EOT
