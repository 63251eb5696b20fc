#!/usr/bin/env bash
# torchmetrics: segmentation.MeanIoU is the mean over pairs of an image and a class, not over classes of the whole set;
# with per_class=True it is a mean over images for each class, whose mean is another number again. JaccardIndex of the
# same package is the mIoU that papers report.
#
# Two label maps: in the first 4 of 4096 pixels are of class 1 and all are missed, the second is right. By one confusion
# matrix of all pixels (VOC, ADE20K, Cityscapes) both classes have 0.999. MeanIoU says 0.666: the pairs have 0.999, 0 and
# 1. Small objects weigh as much as large ones, a class that an image lacks does not count, and the figure depends on how
# images are cut into crops or tiles; figures of papers do not compare.
# Source: https://github.com/Lightning-AI/torchmetrics/blob/v1.9.0/src/torchmetrics/segmentation/mean_iou.py (update adds
# score and number of what is present, image by image).
# Versions: torchmetrics 1.9.0, torch 2.15.0.
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --no-cache-dir torch==2.15.0 torchmetrics==1.9.0 numpy
cat >iou.py <<'PY'
import torch
from torchmetrics import JaccardIndex
from torchmetrics.segmentation import MeanIoU
truth = torch.zeros(2, 64, 64, dtype=torch.long)
truth[1] = 1
found = truth.clone()
truth[0, :2, :2] = 1
classes = torch.arange(2)
hits = torch.stack([((truth == c) & (found == c)).sum() for c in classes])
either = torch.stack([((truth == c) | (found == c)).sum() for c in classes])
by_class = MeanIoU(num_classes=2, input_format="index", per_class=True)(found, truth)
print(f"all pixels, by hand: {(hits / either).mean():.3f}")
print(f"JaccardIndex: {JaccardIndex(task='multiclass', num_classes=2)(found, truth):.3f}")
print(f"MeanIoU: {MeanIoU(num_classes=2, input_format='index')(found, truth):.3f}")
print(f"MeanIoU, per_class: {by_class[0]:.3f} and {by_class[1]:.3f}, their mean {by_class.mean():.3f}")
PY
venv/bin/python iou.py | tee seen
diff - seen <<'EOT'
all pixels, by hand: 0.999
JaccardIndex: 0.999
MeanIoU: 0.666
MeanIoU, per_class: 0.999 and 0.500, their mean 0.750
EOT
