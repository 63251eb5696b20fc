#!/usr/bin/env bash
# torch.distributed.checkpoint: dcp.load into the state_dict() of a new optimizer brings back learning rate and decay and
# leaves the moments in the file, without a word; the resumed run starts AdamW anew.
#
# load() fills what the dictionary it is given holds. A new optimizer has no moments yet, so there is nothing to fill, and
# the keys of the file that were not asked for are no error; a key that the file lacks is one, so the call looks strict.
# The weights are right, so an evaluation shows nothing, but AdamW's first step moves every weight by the whole learning
# rate again, and SGD has lost its momentum. torch.load of the same dictionary in one file brings all of it back.
# get_optimizer_state_dict(model, optimizer) makes a dictionary with moments (by a step of zero gradients), to be used
# when saving and when loading, since its keys have other names than state_dict()'s. Files saved by state_dict() come back
# whole into a model and an optimizer that have taken a step before.
# Source: torch/distributed/checkpoint/default_planner.py, create_default_local_load_plan: it goes through the keys of
# the dictionary alone, under a docstring that has "match key exactly".
# Versions: torch 2.15.0, numpy.
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 numpy
cat >resume.py <<'PY'
import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict

def made(kind):
    model = torch.nn.Linear(8, 8)
    arguments = {"momentum": 0.9} if kind is torch.optim.SGD else {}
    return model, kind(model.parameters(), lr=0.01, **arguments)

def step(model, optimizer):
    optimizer.zero_grad()
    (model(torch.ones(4, 8)) - 1).square().mean().backward()
    optimizer.step()

def moments(optimizer):
    return sum(len(state) for state in optimizer.state.values())

def words(trained, loaded):
    same = all(torch.equal(a, b) for a, b in zip(trained[0].state_dict().values(), loaded[0].state_dict().values()))
    rate = loaded[1].param_groups[0]["lr"]
    return f"weights {'same' if same else 'differ'}, lr {rate}, {moments(loaded[1])} of {moments(trained[1])} states"

for kind in (torch.optim.AdamW, torch.optim.SGD):
    name = kind.__name__
    trained = made(kind)
    for _ in range(20):
        step(*trained)
    trained[1].param_groups[0]["lr"] = 0.003
    both = {"model": trained[0].state_dict(), "optimizer": trained[1].state_dict()}
    dcp.save(both, checkpoint_id=f"{name}.dcp")
    torch.save(both, f"{name}.pt")
    for how in ("torch.load", "dcp.load", "dcp.load after a step"):
        loaded = made(kind)
        if how.endswith("step"):
            step(*loaded)
        state = {"model": loaded[0].state_dict(), "optimizer": loaded[1].state_dict()}
        if how == "torch.load":
            state = torch.load(f"{name}.pt")
        else:
            dcp.load(state, checkpoint_id=f"{name}.dcp")
        loaded[0].load_state_dict(state["model"])
        loaded[1].load_state_dict(state["optimizer"])
        print(f"{name}, {how}: {words(trained, loaded)}")
    named = {"model": trained[0].state_dict(), "optimizer": get_optimizer_state_dict(*trained)}
    dcp.save(named, checkpoint_id=f"{name}.named")
    loaded = made(kind)
    state = {"model": loaded[0].state_dict(), "optimizer": get_optimizer_state_dict(*loaded)}
    dcp.load(state, checkpoint_id=f"{name}.named")
    loaded[0].load_state_dict(state["model"])
    set_optimizer_state_dict(*loaded, state["optimizer"])
    print(f"{name}, get_optimizer_state_dict: {words(trained, loaded)}")
PY
venv/bin/python resume.py 2>/dev/null | tee seen
diff - seen <<'EOT'
AdamW, torch.load: weights same, lr 0.003, 6 of 6 states
AdamW, dcp.load: weights same, lr 0.003, 0 of 6 states
AdamW, dcp.load after a step: weights same, lr 0.003, 6 of 6 states
AdamW, get_optimizer_state_dict: weights same, lr 0.003, 6 of 6 states
SGD, torch.load: weights same, lr 0.003, 2 of 2 states
SGD, dcp.load: weights same, lr 0.003, 0 of 2 states
SGD, dcp.load after a step: weights same, lr 0.003, 2 of 2 states
SGD, get_optimizer_state_dict: weights same, lr 0.003, 2 of 2 states
EOT
