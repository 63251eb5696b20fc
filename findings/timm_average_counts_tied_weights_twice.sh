#!/usr/bin/env bash
# timm: ModelEmaV2 and ModelEmaV3 average a weight that has two names twice a step, so a decay of 0.9998 is 0.9996 for
# it; and ModelEmaV3(use_warmup=True) warms nothing up where `update` is not given the step.
#
# The average goes over the values of state_dict(), which lists a tied weight under each of its names: a head for the
# class token and the patches together as in iBOT, a decoder tied to the encoder, input and output embeddings. With n
# names the horizon of 5000 steps is 5000 / n, and one network's average is made of weights of two times. Shapes, keys
# and the other weights are right. The second is a default: update(model) leaves the step None, which means the full
# decay from the first step on, so after 1000 steps with 0.9999 nine tenths of the average are the initial weights.
# torch's AveragedModel goes over parameters(), where each weight is once.
# Source: timm/utils/model_ema.py, update, apply_update_ and get_decay (whose step is Optional and None by default).
# Versions: timm 1.0.31, torch 2.15.0.
# Seen: the lines at the end; all weights are 0 when the average is made and 1 from then on, so it should be 1 - decay ** n.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 torchvision==0.29.2 timm==1.0.31 numpy==2.4.6
cat >average.py <<'PY'
import torch
from timm.utils import ModelEmaV2, ModelEmaV3
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body = torch.nn.Linear(4, 4)
        self.head = torch.nn.Linear(4, 4)
        self.patch_head = self.head

def averaged(make, update, steps):
    network = Network()
    fill(network, 0)
    average = make(network)
    fill(network, 1)
    for step in range(1, steps + 1):
        update(average, network, step)
    return average.module

@torch.no_grad()
def fill(network, value):
    for weight in network.parameters():
        weight.fill_(value)

def torchs(network):
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.9998))
    average.update_parameters(network)  # the first one copies
    return average

def plain(average, network, step):
    average.update(network)

print(f"expected {1 - 0.9998 ** 2500:.3f}")
for name, make, update in (
    ("ModelEmaV2", lambda network: ModelEmaV2(network, decay=0.9998), plain),
    ("ModelEmaV3", lambda network: ModelEmaV3(network, decay=0.9998), plain),
    ("ModelEmaV3, foreach=False", lambda network: ModelEmaV3(network, decay=0.9998, foreach=False), plain),
    ("torch's AveragedModel", torchs, lambda average, network, step: average.update_parameters(network)),
):
    network = averaged(make, update, 2500)
    tied = "tied" if network.head is network.patch_head else "not tied"
    print(f"{name}: body {network.body.weight[0, 0]:.3f}, {tied} head {network.head.weight[0, 0]:.3f}")
for name, update in (("update(model)", plain),
                     ("update(model, step)", lambda average, network, step: average.update(network, step))):
    network = averaged(lambda network: ModelEmaV3(network, decay=0.9999, use_warmup=True), update, 1000)
    print(f"use_warmup=True, {name}: {network.body.weight[0, 0]:.3f} after 1000 steps")
PY
venv/bin/python average.py | tee seen
diff - seen <<'EOT'
expected 0.393
ModelEmaV2: body 0.394, tied head 0.632
ModelEmaV3: body 0.393, tied head 0.632
ModelEmaV3, foreach=False: body 0.393, tied head 0.632
torch's AveragedModel: body 0.393, tied head 0.393
use_warmup=True, update(model): 0.095 after 1000 steps
use_warmup=True, update(model, step): 1.000 after 1000 steps
EOT
