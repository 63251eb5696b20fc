#!/usr/bin/env bash
# torch.optim: with lr as a tensor, which the recipe for a compiled optimizer asks for, all groups hold one and the same
# tensor. One group's schedule becomes that of all, and what is multiplied group by group is multiplied for all each
# time.
#
# Layer decay, a slower backbone, a rate of its own for a gate: with lr=0.01 they work, and with the same number as a
# tensor, for torch.compile, fused=True or a CUDA graph, every group gets the last one's rate. LambdaLR with a list and
# OneCycleLR with a list of max_lr are such schedules; `group["lr"] *= factor` leaves the product of all factors, which
# for the layers of a ViT is next to nothing. Nothing is raised. Schedules that treat all groups alike are right, and so
# are groups that come with a tensor of their own, or that get a deep copy before the scheduler is built.
# Source: torch/optim/optimizer.py, add_param_group (setdefault with the default itself), and lr_scheduler.py,
# _update_param_group_val (fill_), whose docstring has "without aliasing"; the tutorial "Running the compiled optimizer
# with an LR Scheduler" has "Wrap the lr in a Tensor" and one group.
# Versions: torch 2.15.0, on a CPU.
# Seen: the lines at the end; rates and ways of the groups after three steps, and rates of four layers.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 numpy
cat >rates.py <<'PY'
import copy
import torch
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR

def groups(count, each=None):
    params = [torch.nn.Parameter(torch.zeros(4)) for _ in range(count)]
    return params, [{"params": [p]} if each is None else {"params": [p], "lr": each()} for p in params]

def words(optimizer):
    return " ".join(f"{float(group['lr']):.5f}" for group in optimizer.param_groups)

def run(name, lr, schedule, each=None, copied=False):
    params, lists = groups(2, each)
    optimizer = torch.optim.AdamW(lists, lr=lr, weight_decay=0, fused=True)
    if copied:
        for group in optimizer.param_groups:
            group["lr"] = copy.deepcopy(group["lr"])
    scheduler = schedule(optimizer)
    for _ in range(3):
        for p in params:
            p.grad = torch.ones(4)
        optimizer.step()
        scheduler.step()
    print(f"{name}: rates {words(optimizer)}; moved by", " ".join(f"{-p[0].item():.5f}" for p in params))

def lambdas(optimizer):
    return LambdaLR(optimizer, [lambda step: 1.0, lambda step: 0.1])

def cycle(optimizer):
    return OneCycleLR(optimizer, max_lr=[0.01, 0.001], total_steps=10, cycle_momentum=False)

tensor = lambda: torch.tensor(0.01)
for name, schedule in (("LambdaLR, 1 and 0.1", lambdas), ("OneCycleLR, 0.01 and 0.001", cycle)):
    run(f"{name}, float", 0.01, schedule)
    run(f"{name}, tensor", tensor(), schedule)
    run(f"{name}, a tensor in each group", tensor(), schedule, tensor)
    run(f"{name}, deep copies", tensor(), schedule, copied=True)
for name, lr in (("float", 0.01), ("tensor", tensor())):
    optimizer = torch.optim.AdamW(groups(4)[1], lr=lr, fused=True)
    for depth, group in enumerate(optimizer.param_groups):
        group["lr"] *= 0.5 ** (3 - depth)
    print(f"layer decay of 0.5, {name}: rates {words(optimizer)}")
PY
venv/bin/python rates.py | tee seen
diff - seen <<'EOT'
LambdaLR, 1 and 0.1, float: rates 0.01000 0.00100; moved by 0.03000 0.00300
LambdaLR, 1 and 0.1, tensor: rates 0.00100 0.00100; moved by 0.00300 0.00300
LambdaLR, 1 and 0.1, a tensor in each group: rates 0.01000 0.00100; moved by 0.03000 0.00300
LambdaLR, 1 and 0.1, deep copies: rates 0.01000 0.00100; moved by 0.03000 0.00300
OneCycleLR, 0.01 and 0.001, float: rates 0.00950 0.00095; moved by 0.01560 0.00156
OneCycleLR, 0.01 and 0.001, tensor: rates 0.00095 0.00095; moved by 0.00156 0.00156
OneCycleLR, 0.01 and 0.001, a tensor in each group: rates 0.00950 0.00095; moved by 0.01560 0.00156
OneCycleLR, 0.01 and 0.001, deep copies: rates 0.00950 0.00095; moved by 0.01560 0.00156
layer decay of 0.5, float: rates 0.00125 0.00250 0.00500 0.01000
layer decay of 0.5, tensor: rates 0.00016 0.00016 0.00016 0.00016
EOT
