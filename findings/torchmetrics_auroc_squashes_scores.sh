#!/usr/bin/env bash
# torchmetrics: AUROC and average precision of distances are 0.5, however well they separate, or AUROC is even 0; of
# logits and cosines they depend on the size of the batches. Only ranks should count.
#
# A batch that has a value outside [0, 1] goes through a sigmoid, which is 1 in float32 from 17 on: distances to
# neighbours, Mahalanobis distances and losses as scores of anomaly are all equal then, and thresholds=200 has even an
# AUROC of 0. The same scores with a minus are right, unless thresholds are given, since small values keep their bits,
# so one of two detectors looks useless. And each batch is looked at for itself: where images come one by one, a cosine
# of 0.4 stays 0.4 and one of -0.1 becomes 0.48, above it. Accuracy suffers likewise. Ranks of the whole set, divided by
# its size, are right, as is scikit-learn.
# Source: src/torchmetrics/utilities/compute.py, normalize_logits_if_needed; the docstring has "values outside [0,1]
# range we consider the input to be logits and will auto apply sigmoid per element", of batches nothing;
# https://github.com/Lightning-AI/torchmetrics/issues/2819 and /issues/2195 (open).
# Versions: torchmetrics 1.9.0, torch 2.15.0, scikit-learn 1.9.1.
# Seen: the lines at the end; the scores of a line are the same up to factor, offset and bend.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 torchmetrics==1.9.0 scikit-learn==1.9.1 numpy
cat >scores.py <<'PY'
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torchmetrics.classification import BinaryAccuracy, BinaryAUROC, BinaryAveragePrecision

truth = torch.arange(2000) % 2
logits = truth - 0.5 + 0.7 * torch.randn(2000, generator=torch.Generator().manual_seed(0))
kinds = {
    "logits": logits,
    "cosines": (logits / 2).tanh(),
    "distances around 16": 16 + 2 * logits,
    "distances around 30": 30 + 3 * logits,
    "distances around 1000": 1000 + 200 * logits,
    "distances at -30": -30 - 3 * logits,
    "ranks of these": (1000 + 200 * logits).argsort().argsort() / 1999,
}

def seen(metric, scores, labels, size):
    for start in range(0, 2000, size):
        metric.update(scores[start:start + size], labels[start:start + size])
    return f"{metric.compute():.3f}"

for name, scores in kinds.items():
    labels = 1 - truth if "-30" in name else truth
    print(f"{name}: scikit-learn {roc_auc_score(labels, scores):.3f} {average_precision_score(labels, scores):.3f}",
          *(f"{size} a batch {seen(BinaryAUROC(), scores, labels, size)} "
            + seen(BinaryAveragePrecision(), scores, labels, size) for size in (2000, 1)),
          f"200 thresholds {seen(BinaryAUROC(thresholds=200), scores, labels, 2000)}", sep=", ")
print(f"accuracy of logits: {((logits > 0) == truth).float().mean():.3f}",
      *(f"{size} a batch {seen(BinaryAccuracy(), logits, truth, size)}" for size in (2000, 1)), sep=", ")
PY
venv/bin/python scores.py 2>log | tee seen || { cat log; exit 1; }
diff - seen <<'EOT'
logits: scikit-learn 0.847 0.842, 2000 a batch 0.847 0.842, 1 a batch 0.752 0.765, 200 thresholds 0.848
cosines: scikit-learn 0.847 0.842, 2000 a batch 0.847 0.842, 1 a batch 0.531 0.635, 200 thresholds 0.847
distances around 16: scikit-learn 0.847 0.842, 2000 a batch 0.829 0.779, 1 a batch 0.829 0.779, 200 thresholds 0.717
distances around 30: scikit-learn 0.847 0.842, 2000 a batch 0.500 0.500, 1 a batch 0.500 0.500, 200 thresholds 0.000
distances around 1000: scikit-learn 0.847 0.842, 2000 a batch 0.500 0.500, 1 a batch 0.500 0.500, 200 thresholds 0.000
distances at -30: scikit-learn 0.847 0.842, 2000 a batch 0.847 0.842, 1 a batch 0.847 0.842, 200 thresholds 0.500
ranks of these: scikit-learn 0.847 0.842, 2000 a batch 0.847 0.842, 1 a batch 0.847 0.842, 200 thresholds 0.847
accuracy of logits: 0.777, 2000 a batch 0.777, 1 a batch 0.721
EOT
