#!/usr/bin/env bash
# torchmetrics: a MetricCollection gives two metrics one count when their counts agree after the first batch. If that
# batch is all right, top-5 is reported as top-1 for the rest of the run, or F1 at 0.9 as F1 at 0.5.
#
# "Compute groups" save work: after the first update, metrics whose states are equal become one group, and only its
# first member is updated from then on. Arguments are not compared. Top-1 and top-5 (averaged over classes, as
# they are if nothing is said), two thresholds, with and without ignore_index count alike in a small first batch that is
# easy, as in a folder that is read class by class, so the same predictions in another order give other figures. A
# larger k is then just too low, which nobody misses. reset() does not part them: the next epoch is the same.
# compute_groups=False is right.
# Source: src/torchmetrics/collections.py, _merge_compute_groups and _equal_metric_states; the docstring has metrics
# that "share the same metric state". https://github.com/Lightning-AI/torchmetrics/issues/2596 and /issues/2916 (closed).
# Versions: torchmetrics 1.9.0, torch 2.15.0.
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 torchmetrics==1.9.0 numpy
cat >merge.py <<'PY'
import torch
from torchmetrics import MetricCollection
from torchmetrics.classification import BinaryF1Score, MulticlassAccuracy, MulticlassJaccardIndex

random = torch.Generator().manual_seed(0)
labels = torch.arange(1000) % 10
scores = 4 * torch.nn.functional.one_hot(labels, 10) + 3 * torch.randn(1000, 10, generator=random)
scores[:8] = 20 * torch.nn.functional.one_hot(labels[:8], 10).float()
truth = torch.arange(1000) % 2
chance = (0.3 + 0.4 * truth + 0.3 * torch.randn(1000, generator=random)).clamp(0, 1)
chance[:8] = truth[:8].float()
pixels = torch.arange(1000) % 3
found = torch.where(torch.rand(1000, generator=random) < 0.7, pixels, torch.randint(3, (1000,), generator=random))
pixels[:8] = found[:8] = 1
kinds = {
    "top-1 and top-5": (scores, labels, lambda k: MulticlassAccuracy(10, top_k=(1, 5)[k])),
    "F1 at 0.5 and 0.9": (chance, truth, lambda k: BinaryF1Score(threshold=(0.5, 0.9)[k])),
    "IoU without class 0 and with": (found, pixels, lambda k: MulticlassJaccardIndex(3, ignore_index=(0, None)[k])),
}
for name, (guess, right, make) in kinds.items():
    for how, last, groups in (("easy batch first", False, True), ("easy batch last", True, True),
                               ("easy batch first, compute_groups=False", False, False)):
        both = MetricCollection({"a": make(0), "b": make(1)}, compute_groups=groups)
        batches = sorted(range(0, 1000, 8), key=lambda start: (start == 0) == last)
        for epoch in range(2):
            both.reset()
            for start in batches:
                both.update(guess[start:start + 8], right[start:start + 8])
            values = both.compute()
        print(f"{name}, {how}: {values['a']:.3f} {values['b']:.3f}")
PY
venv/bin/python merge.py | tee seen
diff - seen <<'EOT'
top-1 and top-5, easy batch first: 0.457 0.457
top-1 and top-5, easy batch last: 0.457 0.899
top-1 and top-5, easy batch first, compute_groups=False: 0.457 0.899
F1 at 0.5 and 0.9, easy batch first: 0.762 0.762
F1 at 0.5 and 0.9, easy batch last: 0.762 0.411
F1 at 0.5 and 0.9, easy batch first, compute_groups=False: 0.762 0.411
IoU without class 0 and with, easy batch first: 0.689 0.459
IoU without class 0 and with, easy batch last: 0.689 0.631
IoU without class 0 and with, easy batch first, compute_groups=False: 0.689 0.631
EOT
