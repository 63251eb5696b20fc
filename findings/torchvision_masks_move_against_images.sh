#!/usr/bin/env bash
# torchvision v2: where an image and its tv_tensors.Mask are made smaller together, the mask moves against the image, by
# up to half a new pixel; NEAREST_EXACT, which does not, is ignored for masks by RandomResizedCrop.
#
# A mask is resized by NEAREST, which takes the upper left of the pixels that a new pixel covers; the image is an
# average over all of them, and Pillow's nearest takes the middle one. From 512 to 128 pixels all labels lie 1.5 pixels
# of the original further right and lower than what they label, always in the same direction, which a network learns:
# borders are shifted, thin things miss their labels, and boxes, which are multiplied, do not fit masks. Enlarging is
# right. Resize hands NEAREST_EXACT on to masks, but reduces the image by it, too; RandomResizedCrop takes the word and
# uses it for the image alone. Resize masks by a call of their own: functional.resize or resized_crop of
# tv_tensors.Image(mask) with NEAREST_EXACT and the numbers that make_params gave.
# Source: torchvision/transforms/v2/functional/_geometry.py, resize_mask and resized_crop_mask (which has no
# interpolation); https://github.com/pytorch/vision/issues/9188 (closed, for resize), /pull/9497.
# Versions: torchvision 0.29.2, torch 2.15.0, pillow 13.0.0.
# Seen: the lines at the end: how far right of its place the middle of an upright bar lies, in pixels of the original, as
# the mean over bars at many places.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 torchvision==0.29.2 pillow==13.0.0 numpy==2.4.6
cat >bar.py <<'PY'
import numpy as np
import torch
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import InterpolationMode as Mode

def middle(picture, size):
    row = torch.as_tensor(np.asarray(picture).copy()).double().reshape(-1, picture.shape[-1])[0]
    return float((row * (torch.arange(len(row)) + 0.5)).sum() / row.sum() * size / len(row))

for size, small in ((512, 128), (500, 250), (512, 384), (112, 448)):
    bars = []
    for left in range(size // 8, size // 4):
        bar = torch.zeros(1, size, size, dtype=torch.uint8)
        bar[..., left:left + size // 4 + 1] = 1
        bars.append((bar, left + (size // 4 + 1) / 2))
    print(f"{size} to {small}:")
    for name, kind, options in (("Resize", v2.Resize, {}),
                                ("RandomResizedCrop", v2.RandomResizedCrop, {"scale": (1, 1), "ratio": (1, 1)})):
        for mode in (Mode.BILINEAR, Mode.NEAREST_EXACT):
            change = kind((small, small), interpolation=mode, antialias=True, **options)
            off = [[middle(picture, size) - right for picture in change(tv_tensors.Image(255 * bar), tv_tensors.Mask(bar))]
                   for bar, right in bars]
            image, mask = np.mean(off, 0)
            print(f"  {name}, {mode.name}: image {image:+.1f}, mask {mask:+.1f}")
    off = [middle(np.asarray(Image.fromarray(bar[0].numpy()).resize((small, small), Image.NEAREST)), size) - right
           for bar, right in bars]
    print(f"  Pillow's nearest: mask {np.mean(off):+.1f}")
PY
venv/bin/python bar.py | tee seen
diff - seen <<'EOT'
512 to 128:
  Resize, BILINEAR: image +0.0, mask +1.5
  Resize, NEAREST_EXACT: image -0.5, mask -0.5
  RandomResizedCrop, BILINEAR: image +0.0, mask +1.5
  RandomResizedCrop, NEAREST_EXACT: image -0.5, mask +1.5
  Pillow's nearest: mask -0.5
500 to 250:
  Resize, BILINEAR: image +0.0, mask +0.5
  Resize, NEAREST_EXACT: image -0.5, mask -0.5
  RandomResizedCrop, BILINEAR: image +0.0, mask +0.5
  RandomResizedCrop, NEAREST_EXACT: image -0.5, mask +0.5
  Pillow's nearest: mask -0.5
512 to 384:
  Resize, BILINEAR: image +0.0, mask +0.5
  Resize, NEAREST_EXACT: image -0.2, mask -0.2
  RandomResizedCrop, BILINEAR: image +0.0, mask +0.5
  RandomResizedCrop, NEAREST_EXACT: image -0.2, mask +0.5
  Pillow's nearest: mask -0.0
112 to 448:
  Resize, BILINEAR: image +0.0, mask +0.0
  Resize, NEAREST_EXACT: image +0.0, mask +0.0
  RandomResizedCrop, BILINEAR: image +0.0, mask +0.0
  RandomResizedCrop, NEAREST_EXACT: image +0.0, mask +0.0
  Pillow's nearest: mask +0.0
EOT
