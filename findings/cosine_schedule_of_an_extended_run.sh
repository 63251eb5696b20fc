#!/usr/bin/env bash
# torch and timm: a run that is made longer on resuming keeps the old run's length, though the new scheduler was built
# with the new one. torch's cosine climbs back to the full rate, timm's stays at the lowest; transformers' is right.
#
# A scheduler's state has its arguments in it, and load_state_dict writes them over those it was built with: T_max,
# eta_min, milestones, t_initial, lr_min, warmup_t, all but functions. Of 100 epochs made 200, torch's
# CosineAnnealingLR, which goes on as a wave behind T_max, raises the rate in epochs 100 to 200 and ends at its highest,
# so the last checkpoint is the worst; a run cut off at 50 does the same. timm trains 100 epochs at lr_min, that is not
# at all. Nothing is said, and the number printed from one's own configuration is 200. Taking T_max out of the loaded
# state is no help at 100, where the rate is 0 and each rate is made from the last by multiplying. What holds is a rate
# that is a function of the epoch: LambdaLR with a plain function, which is not saved, as transformers has it.
# Source: torch/optim/lr_scheduler.py, LRScheduler.load_state_dict ("self.__dict__.update") and
# CosineAnnealingLR.get_lr; timm/scheduler/scheduler.py, load_state_dict.
# Versions: torch 2.15.0, timm 1.0.31, transformers 5.24.0.
# Seen: the lines at the end; 1 is the full rate.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 torchvision==0.29.2 timm==1.0.31 transformers==5.24.0 numpy==2.4.6
cat >longer.py <<'PY'
import warnings
warnings.filterwarnings("ignore")
import torch
from timm.scheduler import CosineLRScheduler
from torch.optim import lr_scheduler
from transformers import get_cosine_schedule_with_warmup

def warm(optimizer, length):
    return lr_scheduler.SequentialLR(optimizer, [lr_scheduler.LinearLR(optimizer, 0.1, total_iters=10),
                                                 lr_scheduler.CosineAnnealingLR(optimizer, length - 10)], [10])

kinds = {"CosineAnnealingLR": lr_scheduler.CosineAnnealingLR,
         "LinearLR and CosineAnnealingLR": warm,
         "PolynomialLR": lr_scheduler.PolynomialLR,
         "timm's CosineLRScheduler": CosineLRScheduler,
         "transformers' cosine": lambda optimizer, length: get_cosine_schedule_with_warmup(optimizer, 0, length)}

def run(kind, length, first, last, saved=None, without=()):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = kinds[kind](optimizer, length)
    if saved:
        optimizer.load_state_dict(saved[0])
        schedule.load_state_dict({name: value for name, value in saved[1].items() if name not in without})
    rates = {}
    for epoch in range(first, last):
        optimizer.step()
        schedule.step(*[epoch + 1] * (kind == "timm's CosineLRScheduler"))
        rates[epoch + 1] = optimizer.param_groups[0]["lr"]
    return rates, (optimizer.state_dict(), schedule.state_dict())

def words(rates):
    return " ".join(f"{rates[epoch]:.2f}" for epoch in (110, 125, 150, 175, 199))

for kind in kinds:
    print(f"{kind}, epochs 110 125 150 175 199: 200 from the start", words(run(kind, 200, 0, 200)[0]), end="")
    for stop in (50, 100):
        print(f"; 100 made 200 at {stop}", words(run(kind, 200, stop, 200, run(kind, 100, 0, stop)[1])[0]), end="")
    print()
saved = run("CosineAnnealingLR", 100, 0, 100)[1]
print("CosineAnnealingLR, at 100 without T_max", words(run("CosineAnnealingLR", 200, 100, 200, saved, ["T_max"])[0]))
PY
venv/bin/python longer.py | tee seen
diff - seen <<'EOT'
CosineAnnealingLR, epochs 110 125 150 175 199: 200 from the start 0.42 0.31 0.15 0.04 0.00; 100 made 200 at 50 0.02 0.15 0.50 0.85 1.00; 100 made 200 at 100 0.02 0.15 0.50 0.85 1.00
LinearLR and CosineAnnealingLR, epochs 110 125 150 175 199: 200 from the start 0.46 0.34 0.16 0.04 0.00; 100 made 200 at 50 0.03 0.18 0.59 0.93 0.98; 100 made 200 at 100 0.03 0.18 0.59 0.93 0.98
PolynomialLR, epochs 110 125 150 175 199: 200 from the start 0.45 0.38 0.25 0.12 0.01; 100 made 200 at 50 0.00 0.00 0.00 0.00 0.00; 100 made 200 at 100 0.00 0.00 0.00 0.00 0.00
timm's CosineLRScheduler, epochs 110 125 150 175 199: 200 from the start 0.42 0.31 0.15 0.04 0.00; 100 made 200 at 50 0.00 0.00 0.00 0.00 0.00; 100 made 200 at 100 0.00 0.00 0.00 0.00 0.00
transformers' cosine, epochs 110 125 150 175 199: 200 from the start 0.42 0.31 0.15 0.04 0.00; 100 made 200 at 50 0.42 0.31 0.15 0.04 0.00; 100 made 200 at 100 0.42 0.31 0.15 0.04 0.00
CosineAnnealingLR, at 100 without T_max 0.00 0.00 0.00 0.00 0.00
EOT
