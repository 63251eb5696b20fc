#!/usr/bin/env bash
# kornia: RandomResizedCrop and Resize look at two by two pixels however much they reduce; torchvision's average over
# all that an output pixel covers, also of tensors, as Pillow does.
#
# Who moves the augmentations of an ImageNet recipe to the GPU trains on jagged edges and moire: from 500 pixels to 224,
# noise keeps two thirds of its deviation instead of a third, and a picture with the spectrum of a photo is 13 levels of
# 255 away from Pillow's, from 896 pixels 18. It grows with the crop and is nothing for small ones, so a look at a few
# crops shows little. The network then meets other pictures as soon as it is evaluated with torchvision, timm or
# transformers, or when weights that were trained with these are evaluated here. RandomResizedCrop has no argument for
# it, in neither cropping_mode; that its corners are aligned is a smaller part. Resize(antialias=True) blurs by a
# Gaussian first, which at factors near 1.4 does nothing yet and then too little. torchvision.transforms.v2 takes
# tensors on a GPU (it draws one crop for a batch, though).
# Source: kornia/augmentation/_2d/geometric/resized_crop.py, whose page has notes on grids and on fallbacks "as in
# torchvision", and of smoothing nothing; kornia/geometry/transform/affwarp.py, resize (sigmas by half of the factor
# less one, kernels of 3 at least).
# Versions: kornia 0.9.0, torch 2.15.0, torchvision 0.29.2, pillow 12.3.0.
# Seen: the lines at the end; whole images are reduced to 224. Noise is uniform with a deviation of 0.29, a "photo" is
# random with amplitudes that fall as one by the frequency, stripes are two pixels black, two white, with a deviation of
# 0.5.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 torchvision==0.29.2 kornia==0.9.0 pillow==12.3.0 numpy==2.4.6
cat >crop.py <<'PY'
import kornia.augmentation as kornia
import numpy as np
import torch
import torchvision.transforms.v2 as torchvision
from PIL import Image
random = np.random.default_rng(0)

def photo(size):
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    frequency[0, 0] = np.inf
    picture = np.fft.irfft2(np.fft.rfft2(random.standard_normal((size, size))) / frequency, (size, size))
    return np.clip(0.5 + 0.2 * picture / picture.std(), 0, 1)

def by_pillow(image):
    return torch.from_numpy(np.asarray(Image.fromarray(image[0, 0].numpy()).resize((224, 224), Image.BILINEAR)).copy())

whole = dict(scale=(1.0, 1.0), ratio=(1.0, 1.0))
ways = {"torchvision RandomResizedCrop": torchvision.RandomResizedCrop(224, **whole),
        "kornia RandomResizedCrop": kornia.RandomResizedCrop((224, 224), **whole),
        "kornia RandomResizedCrop, resample": kornia.RandomResizedCrop((224, 224), cropping_mode="resample", **whole),
        "kornia RandomResizedCrop, corners free": kornia.RandomResizedCrop((224, 224), align_corners=False, **whole),
        "kornia Resize": kornia.Resize((224, 224)),
        "kornia Resize, antialias": kornia.Resize((224, 224), antialias=True)}
for size in (320, 500, 896):
    images = {"noise": random.random((size, size)), "stripes": np.tile(np.arange(size) // 2 % 2, (size, 1)),
              "photo": photo(size)}
    images = {name: torch.from_numpy(image.astype(np.float32))[None, None] for name, image in images.items()}
    for name, way in ways.items():
        seen = {kind: way(image)[0, 0] for kind, image in images.items()}
        apart = (seen["photo"] - by_pillow(images["photo"])).square().mean().sqrt() * 255
        print(f"{size}, {name}: noise {seen['noise'].std():.2f}, stripes {seen['stripes'].std():.2f}, "
              f"photo {apart:.1f} levels from Pillow's")
PY
OMP_NUM_THREADS=1 venv/bin/python crop.py | tee seen
diff - seen <<'EOT'
320, torchvision RandomResizedCrop: noise 0.13, stripes 0.32, photo 0.0 levels from Pillow's
320, kornia RandomResizedCrop: noise 0.19, stripes 0.41, photo 8.2 levels from Pillow's
320, kornia RandomResizedCrop, resample: noise 0.19, stripes 0.41, photo 8.2 levels from Pillow's
320, kornia RandomResizedCrop, corners free: noise 0.19, stripes 0.41, photo 7.0 levels from Pillow's
320, kornia Resize: noise 0.19, stripes 0.41, photo 8.2 levels from Pillow's
320, kornia Resize, antialias: noise 0.19, stripes 0.41, photo 8.2 levels from Pillow's
500, torchvision RandomResizedCrop: noise 0.09, stripes 0.16, photo 0.0 levels from Pillow's
500, kornia RandomResizedCrop: noise 0.19, stripes 0.41, photo 13.1 levels from Pillow's
500, kornia RandomResizedCrop, resample: noise 0.19, stripes 0.41, photo 13.1 levels from Pillow's
500, kornia RandomResizedCrop, corners free: noise 0.19, stripes 0.41, photo 11.3 levels from Pillow's
500, kornia Resize: noise 0.19, stripes 0.41, photo 13.1 levels from Pillow's
500, kornia Resize, antialias: noise 0.12, stripes 0.27, photo 7.2 levels from Pillow's
896, torchvision RandomResizedCrop: noise 0.05, stripes 0.01, photo 0.0 levels from Pillow's
896, kornia RandomResizedCrop: noise 0.19, stripes 0.44, photo 18.3 levels from Pillow's
896, kornia RandomResizedCrop, resample: noise 0.19, stripes 0.44, photo 18.3 levels from Pillow's
896, kornia RandomResizedCrop, corners free: noise 0.14, stripes 0.00, photo 13.6 levels from Pillow's
896, kornia Resize: noise 0.19, stripes 0.44, photo 18.3 levels from Pillow's
896, kornia Resize, antialias: noise 0.05, stripes 0.03, photo 6.9 levels from Pillow's
EOT
