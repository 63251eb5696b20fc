#!/usr/bin/env bash
# transformers: DINOv3's image processor takes the numbers of a palette's colours for brightness. A GIF or a PNG of 256
# colours becomes a grey picture of something else, black and white becomes black, 16 bits become values of thousands.
#
# What Image.open gives in another mode than RGB goes in as it is, and its one channel is spread over three by the
# normalization, after which the shape is right. ViTImageProcessor raises there, and BitImageProcessor, which DINOv2
# uses, converts. So a folder with some palette images gets features without a warning, and they are wrong for those alone.
# Palettes are few among photographs and many among drawings, maps and whatever a program saved small.
# do_convert_rgb=True, when the processor is made or called, mends it, and so does image.convert("RGB"); of 16 bits both
# keep only what is below 256, which is Pillow's way.
# Source: transformers/models/dinov3_vit/image_processing_dinov3_vit.py (sets no do_convert_rgb, and normalizes by an
# expression that broadcasts; TorchvisionBackend's other processors do it in place).
# Versions: transformers 5.23.0, torch 2.15.0, torchvision 0.29.2, Pillow 13.0.0, numpy 2.4.6.
# Seen: the lines at the end; values are brought back to 0 to 255, those of the RGB picture being the true ones.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet transformers==5.23.0 torch==2.15.0 torchvision==0.29.2 pillow==13.0.0 numpy==2.4.6
cat >modes.py <<'PY'
import warnings
import numpy as np
from PIL import Image
from transformers import BitImageProcessor, DINOv3ViTImageProcessor, ViTImageProcessor

y, x = np.mgrid[:224, :224]
picture = Image.fromarray(np.stack([x, y, 255 - x], -1).astype(np.uint8))
picture.save("picture.png")
picture.quantize(256).save("palette.png")
picture.save("palette.gif")
picture.convert("L").convert("1").save("bilevel.png")
Image.fromarray((x * 257).astype(np.uint16)).save("deep.png")

def pixels(processor, image, **more):
    values = np.asarray(processor(image, **more)["pixel_values"][0])
    return 255 * (values * np.array(processor.image_std)[:, None, None] + np.array(processor.image_mean)[:, None, None])

processor = DINOv3ViTImageProcessor()
for name in ("picture.png", "palette.png", "palette.gif", "bilevel.png", "deep.png"):
    image = Image.open(name)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = pixels(processor, image)
    true = pixels(processor, image.convert("RGB"))
    line = f"{name}, mode {image.mode}: up to {found.max():.0f}, off by {np.abs(found - true).mean():.0f}" + ", warned" * bool(told)
    for when, again in (("when called", pixels(processor, image, do_convert_rgb=True)),
                        ("when made", pixels(DINOv3ViTImageProcessor(do_convert_rgb=True), image))):
        line += f"; do_convert_rgb {when} {np.abs(again - true).mean():.0f}"
    for other in (BitImageProcessor(), ViTImageProcessor()):
        try:
            values = pixels(other, image)
            line += f"; {type(other).__name__} {np.abs(values - pixels(other, image.convert('RGB'))).mean():.0f}"
        except RuntimeError:
            line += f"; {type(other).__name__} RuntimeError"
    print(line)
PY
venv/bin/python modes.py | tee seen
diff - seen <<'EOT'
picture.png, mode RGB: up to 255, off by 0; do_convert_rgb when called 0; do_convert_rgb when made 0; BitImageProcessor 0; ViTImageProcessor 0
palette.png, mode P: up to 255, off by 94; do_convert_rgb when called 0; do_convert_rgb when made 0; BitImageProcessor 0; ViTImageProcessor RuntimeError
palette.gif, mode P: up to 255, off by 94; do_convert_rgb when called 0; do_convert_rgb when made 0; BitImageProcessor 0; ViTImageProcessor RuntimeError
bilevel.png, mode 1: up to 1, off by 115; do_convert_rgb when called 0; do_convert_rgb when made 0; BitImageProcessor 0; ViTImageProcessor RuntimeError
deep.png, mode I;16: up to 57311, off by 28402; do_convert_rgb when called 0; do_convert_rgb when made 0; BitImageProcessor 0; ViTImageProcessor RuntimeError
EOT
