#!/usr/bin/env bash
# torch.optim.lr_scheduler: where the optimizer's state is loaded before the scheduler is built, a run with a warm-up
# resumes at the first warm-up step's rate and keeps that factor to its end, though the scheduler's state is loaded, too.
#
# Constructors write the first rate into the optimizer, and load_state_dict of a scheduler does not write one back. Schedules
# that compute from the base rate are right again after one step (LambdaLR), those that multiply the last rate never are:
# LinearLR(start_factor=0.001) and then a cosine, the usual recipe, goes on with a thousandth of its rate until the end. The
# cosine and the exponential alone keep what was loaded, so that a script which resumed well for years trains
# next to nothing from the day somebody adds a warm-up. get_last_lr() is of no help: it has the right rate.
# Build the scheduler first, then load the optimizer.
# Source: torch/optim/lr_scheduler.py, SequentialLR.__init__ ("Reset learning rates back to initial values"); a note at
# Optimizer.load_state_dict; https://github.com/pytorch/pytorch/issues/119168.
# Versions: torch 2.15.0, numpy.
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 numpy
cat >resume.py <<'PY'
import copy
import torch
from torch.optim.lr_scheduler import (ChainedScheduler, CosineAnnealingLR, ExponentialLR, LambdaLR, LinearLR,
                                      SequentialLR)

def warmup(optimizer):
    return LinearLR(optimizer, start_factor=0.001, total_iters=10)

SCHEDULES = {
    "cosine": lambda optimizer: CosineAnnealingLR(optimizer, 100),
    "exponential": lambda optimizer: ExponentialLR(optimizer, 0.98),
    "lambda": lambda optimizer: LambdaLR(optimizer, lambda step: 1 - step / 100),
    "warm-up alone": warmup,
    "warm-up, then cosine": lambda optimizer: SequentialLR(
        optimizer, [warmup(optimizer), CosineAnnealingLR(optimizer, 90)], [10]),
    "warm-up times cosine": lambda optimizer: ChainedScheduler([warmup(optimizer), CosineAnnealingLR(optimizer, 100)]),
}

def made():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)

def rates(optimizer, scheduler, count):
    seen = []
    for _ in range(count):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen

for name, build in SCHEDULES.items():
    optimizer = made()
    scheduler = build(optimizer)
    rates(optimizer, scheduler, 50)
    saved = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
    shown = [rates(optimizer, scheduler, 31)]
    for first in ("scheduler built first", "optimizer loaded first"):
        resumed = made()
        if first.startswith("optimizer"):
            resumed.load_state_dict(copy.deepcopy(saved[0]))
            scheduler = build(resumed)
        else:
            scheduler = build(resumed)
            resumed.load_state_dict(copy.deepcopy(saved[0]))
        scheduler.load_state_dict(copy.deepcopy(saved[1]))
        told = scheduler.get_last_lr()[0]
        shown.append(rates(resumed, scheduler, 31))
    columns = ("not stopped", "scheduler built first", "optimizer loaded first")
    print(f"{name}, steps 50, 51, 80:", "; ".join(
        f"{column} " + " ".join(f"{row[step]:.2g}" for step in (0, 1, 30)) for column, row in zip(columns, shown)),
        f"(get_last_lr {told:.2g})")
PY
venv/bin/python resume.py 2>/dev/null | tee seen
diff - seen <<'EOT'
cosine, steps 50, 51, 80: not stopped 0.5 0.48 0.095; scheduler built first 0.5 0.48 0.095; optimizer loaded first 0.5 0.48 0.095 (get_last_lr 0.5)
exponential, steps 50, 51, 80: not stopped 0.36 0.36 0.2; scheduler built first 0.36 0.36 0.2; optimizer loaded first 0.36 0.36 0.2 (get_last_lr 0.36)
lambda, steps 50, 51, 80: not stopped 0.5 0.49 0.2; scheduler built first 0.5 0.49 0.2; optimizer loaded first 1 0.49 0.2 (get_last_lr 0.5)
warm-up alone, steps 50, 51, 80: not stopped 1 1 1; scheduler built first 1 1 1; optimizer loaded first 0.001 0.001 0.001 (get_last_lr 1)
warm-up, then cosine, steps 50, 51, 80: not stopped 0.59 0.57 0.12; scheduler built first 0.59 0.57 0.12; optimizer loaded first 0.001 0.00097 0.0002 (get_last_lr 0.59)
warm-up times cosine, steps 50, 51, 80: not stopped 0.5 0.48 0.095; scheduler built first 0.5 0.48 0.095; optimizer loaded first 0.0005 0.00048 9.5e-05 (get_last_lr 0.5)
EOT
