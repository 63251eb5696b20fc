#!/usr/bin/env bash
# timm and transformers: a ViT at a larger image than it was trained on gets other positions, since torch's bicubic with
# antialias=True takes another kernel (a = -0.5) than without (a = -0.75), also where it enlarges and nothing is smoothed.
#
# timm resamples with antialias=True, transformers without, so the same weights give other features at every size but
# their own, in either direction. When enlarging nobody expects antialias to do anything, and for bilinear it does nothing.
# A learned table of no smoothness differs by 8 % (norm of the difference), one of sines by 1 %. Give timm's
# resample_abs_pos_embed antialias=False, or resample with transformers, to get the other's.
# Source: pytorch, aten/src/ATen/native/cpu/UpSampleKernel.cpp, HelperInterpCubic, aa_filter and the one beside it;
# timm/layers/pos_embed.py, antialias: bool = True.
# Versions: torch 2.15.0, torchvision 0.29.2, timm 1.0.31, transformers 5.24.0.
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --no-cache-dir torch==2.15.0 torchvision==0.29.2 timm==1.0.31 transformers==5.24.0
cat >positions.py <<'PY'
import torch
import torch.nn.functional as F
from timm.layers import resample_abs_pos_embed
from transformers import IJepaConfig, IJepaModel

def by_transformers(table, side):
    model = IJepaModel(IJepaConfig(hidden_size=64, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
                                   image_size=224, patch_size=16))
    with torch.no_grad():
        model.embeddings.position_embeddings.copy_(table)
        return model.embeddings.interpolate_pos_encoding(torch.zeros(1, side * side, 64), 16 * side, 16 * side)

def apart(a, b):
    return f"{100 * ((a - b).norm() / b.norm()).item():.1f} %"

torch.manual_seed(0)
y, x = (axis.flatten() for axis in torch.meshgrid(torch.arange(14.0), torch.arange(14.0), indexing="ij"))
rates = 10000 ** (-torch.arange(16) / 16)
sines = torch.cat([f(axis[:, None] * rates) for axis in (x, y) for f in (torch.sin, torch.cos)], 1)[None]
for name, table in (("a random table", torch.randn(1, 196, 64)), ("a table of sines", sines)):
    want = by_transformers(table, 16)
    print(f"{name}, 14 to 16: timm {apart(resample_abs_pos_embed(table, [16, 16], num_prefix_tokens=0), want)}, "
          f"antialias=False {apart(resample_abs_pos_embed(table, [16, 16], num_prefix_tokens=0, antialias=False), want)}")
peak = torch.zeros(1, 1, 9, 9)
peak[..., 4, 4] = 1
for mode in ("bilinear", "bicubic"):
    plain, smooth = (F.interpolate(peak, size=(18, 18), mode=mode, antialias=on) for on in (False, True))
    print(f"{mode}, a single 1 enlarged twice: apart by {apart(smooth, plain)}")
PY
venv/bin/python positions.py 2>/dev/null | tee seen
diff - seen <<'EOT'
a random table, 14 to 16: timm 8.2 %, antialias=False 0.0 %
a table of sines, 14 to 16: timm 1.2 %, antialias=False 0.0 %
bilinear, a single 1 enlarged twice: apart by 0.0 %
bicubic, a single 1 enlarged twice: apart by 8.7 %
EOT
