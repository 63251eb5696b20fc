#!/usr/bin/env bash
# torch.autocast: inside one region a weight is rounded once and kept, whatever is written into it. A loop inside trains
# on its first weights for ever, and an evaluation that swaps in the moving average evaluates the other weights again.
#
# The cache holds the bfloat16 copy of each float32 parameter until the outermost region ends; nothing looks whether the
# parameter has changed. Around a whole epoch, or as a decorator of the function that trains it, the loss stays
# as it was while weights go on by the same gradient, step after step. Where only the evaluation is wrapped, that
# of the averaged weights, of an earlier checkpoint or of a search over them gives the first figure each time, so "the
# average is no better". torch.no_grad does not help, torch.inference_mode does, and a network of its own for the
# average is right. One region for each forward pass, cache_enabled=False or torch.clear_autocast_cache() mend it.
# Source: aten/src/ATen/autocast_mode.cpp, cached_cast; the page has "should wrap only the forward pass(es)"
# and of cache_enabled nothing of this; https://github.com/pytorch/pytorch/pull/165068 (no_grad, inference_mode).
# Versions: torch 2.15.0, on a CPU.
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 numpy
cat >region.py <<'PY'
import contextlib, copy
import torch
torch.manual_seed(0)
rows = torch.randn(256, 16)
wanted = rows @ torch.randn(16, 1)
start = torch.nn.Linear(16, 1)

def region(cache=True):
    return torch.autocast("cpu", torch.bfloat16, cache_enabled=cache)

def loss(model):
    return (model(rows).float() - wanted).square().mean()

def train(model, each=contextlib.nullcontext):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    seen = []
    for step in range(41):
        optimizer.zero_grad()
        with each():
            now = loss(model)
        now.backward()
        optimizer.step()
        if step % 20 == 0:
            seen.append(f"{now.item():.0f}")
    return " ".join(seen)

def report(name, how):
    model = copy.deepcopy(start)
    words = how(model)
    with torch.no_grad():
        print(f"{name}: loss at steps 0, 20, 40: {words}; afterwards {loss(model):.0f}")

def outside(model, cache=True):
    with region(cache):
        return train(model)

report("region around the loop", outside)
report("region as a decorator", torch.autocast("cpu", torch.bfloat16)(train))
report("region around each forward pass", lambda model: train(model, region))
report("around the loop, cache_enabled=False", lambda model: outside(model, False))

trained, mean = copy.deepcopy(start), copy.deepcopy(start)
train(mean, region)
for name, mode, cache in (("torch.no_grad", torch.no_grad, True),
                          ("torch.no_grad, clear_autocast_cache", torch.no_grad, True),
                          ("torch.no_grad, cache_enabled=False", torch.no_grad, False),
                          ("torch.inference_mode", torch.inference_mode, True)):
    model = copy.deepcopy(trained)
    with mode(), region(cache):
        first = loss(model)
        model.load_state_dict(mean.state_dict())
        if "clear" in name:
            torch.clear_autocast_cache()
        print(f"{name}: weights {first:.0f}, average swapped in {loss(model):.0f}, in its own network {loss(mean):.0f}")
PY
venv/bin/python region.py | tee seen
diff - seen <<'EOT'
region around the loop: loss at steps 0, 20, 40: 15 15 15; afterwards 185
region as a decorator: loss at steps 0, 20, 40: 15 15 15; afterwards 185
region around each forward pass: loss at steps 0, 20, 40: 15 0 0; afterwards 0
around the loop, cache_enabled=False: loss at steps 0, 20, 40: 15 0 0; afterwards 0
torch.no_grad: weights 15, average swapped in 15, in its own network 0
torch.no_grad, clear_autocast_cache: weights 15, average swapped in 0, in its own network 0
torch.no_grad, cache_enabled=False: weights 15, average swapped in 0, in its own network 0
torch.inference_mode: weights 15, average swapped in 0, in its own network 0
EOT
