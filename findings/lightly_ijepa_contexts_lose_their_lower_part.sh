#!/usr/bin/env bash
# lightly: IJEPAMaskCollator cuts all contexts of a batch to the smallest one's number of patches, at their lower end.
# The larger the batch, the smaller the context, and the lower rows of an image are hardly ever seen.
#
# Patches are listed row by row, and of each list the first ones are kept. With the paper's blocks a context has 82 of
# 196 patches by itself, 55 in batches of 64 and 49 in batches of 256; a patch of the second row is in 60 % of them
# whatever the batch, one of the second last in 75, 3 and 1 %. So a batch that grows with the memory makes another task,
# a comparison of batch sizes compares masks, and who looks at masks of single images sees none of it. Neither targets
# nor contexts ever have the last row and column (at 7 x 7 patches, as in lightly's example, that is a quarter of the
# picture), since torch.randint leaves its upper bound out. Those who write IJEPAMaskCollator() get other blocks than
# the paper's, with a context of 12 patches in batches of 64: the arguments must be named. The collator is after the
# authors' own, which does the same.
# Source: lightly/data/ijepa_collate.py, __call__ (cm[:min_keep_enc]) and _sample_block_mask; the paper's appendix makes
# the contexts of one GPU equal in size, and does not say at which end or how much that takes.
# https://github.com/facebookresearch/ijepa/issues/60 (open, bias of contexts by the size of batches), /pull/40 (open,
# the last row and column).
# Versions: lightly 1.6.0, torch 2.15.0, torchvision 0.29.2.
# Seen: the lines at the end; 8192 images for each size, 14 x 14 patches. "Seen" is the share of contexts that a patch
# of the row is in, "asked for" the targets that it is in per image.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 torchvision==0.29.2 lightly==1.6.0 numpy==2.4.6
cat >masks.py <<'PY'
import torch
from lightly.data.ijepa_collate import IJEPAMaskCollator
paper = dict(enc_mask_scale=(0.85, 1.0), pred_mask_scale=(0.15, 0.2), aspect_ratio=(0.75, 1.5), nenc=1, npred=4,
             min_keep=10)

def count(size, images=8192, **blocks):
    torch.manual_seed(0)
    collator = IJEPAMaskCollator(**blocks)
    seen, asked, patches = torch.zeros(196), torch.zeros(196), 0
    for _ in range(images // size):
        _, contexts, targets = collator([torch.zeros(1)] * size)
        seen += torch.bincount(contexts[0].flatten(), minlength=196)
        asked += sum(torch.bincount(target.flatten(), minlength=196) for target in targets)
        patches += contexts[0].numel()
    return patches / images, seen.view(14, 14) / images, asked.view(14, 14) / images

for size in (1, 8, 64, 256):
    patches, seen, asked = count(size, **paper)
    rows = ", ".join(f"{row + 1} {seen[row].mean():.0%}" for row in (1, 6, 10, 12, 13))
    print(f"the paper's blocks, batches of {size}: {patches:.0f} patches of 196; rows seen: {rows}")
print(f"asked for: row 1 {asked[0].mean():.2f}, row 13 {asked[12].mean():.2f}, row 14 {asked[13].mean():.2f}, "
      f"column 14 {asked[:, 13].mean():.2f}; seen: column 14 {seen[:, 13].mean():.0%}")
for size in (1, 64):
    print(f"no arguments, batches of {size}: {count(size)[0]:.0f} patches of 196")
PY
OMP_NUM_THREADS=1 venv/bin/python masks.py | tee seen
diff - seen <<'EOT'
the paper's blocks, batches of 1: 82 patches of 196; rows seen: 2 60%, 7 25%, 11 48%, 13 75%, 14 0%
the paper's blocks, batches of 8: 64 patches of 196; rows seen: 2 60%, 7 24%, 11 32%, 13 15%, 14 0%
the paper's blocks, batches of 64: 55 patches of 196; rows seen: 2 60%, 7 21%, 11 18%, 13 3%, 14 0%
the paper's blocks, batches of 256: 49 patches of 196; rows seen: 2 60%, 7 18%, 11 11%, 13 1%, 14 0%
asked for: row 1 0.20, row 13 0.19, row 14 0.00, column 14 0.00; seen: column 14 0%
no arguments, batches of 1: 28 patches of 196
no arguments, batches of 64: 12 patches of 196
EOT
