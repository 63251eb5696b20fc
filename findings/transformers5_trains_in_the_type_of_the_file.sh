#!/usr/bin/env bash
# transformers 5: from_pretrained gives weights in the type that the file has, where 4 made them float32. A script that
# fine-tunes from a bfloat16 file trains in bfloat16 and leaves most weights as they were.
#
# Nothing has to be written otherwise and nothing is said: dtype, which used to be float32 where it was not given, is
# "auto" now. Many a model is published, or kept by one's own run to save room, in bfloat16 or float16. At a fine-tuning
# rate of 1e-5 a step is smaller than half the distance of two bfloat16 numbers for all but small weights, so it is
# rounded away, and Adam's moments and a moving average are rounded with it. The loss falls a little, since the small
# weights move. In float16 AdamW's eps of 1e-8 is 0. dtype=torch.float32 gives the old behaviour, in both.
# Source: src/transformers/modeling_utils.py, from_pretrained (dtype "defaults to auto");
# https://github.com/huggingface/transformers/pull/42805; https://github.com/huggingface/trl/issues/5329 (open: examples
# that still believe in float32).
# Versions: transformers 4.57.6 and 5.24.0, torch 2.15.0.
# Seen: the lines at the end; 100 steps of AdamW, a ViT saved in each type.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 numpy==2.4.6
for version in 4.57.6 5.24.0; do
  venv/bin/pip install --quiet --target "$version" "transformers==$version" numpy==2.4.6
done
cat >tune.py <<'PY'
import copy, sys
import torch
import transformers
from transformers import AutoModel, ViTConfig, ViTModel
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()

torch.manual_seed(0)
config = ViTConfig(hidden_size=64, num_hidden_layers=2, num_attention_heads=2, intermediate_size=128, image_size=32,
                   patch_size=8)
made = ViTModel(config)
for dtype, options in ((torch.float32, {}), (torch.bfloat16, {}), (torch.bfloat16, {"dtype": torch.float32})):
    copy.deepcopy(made).to(dtype).save_pretrained("saved")
    model = AutoModel.from_pretrained("saved", add_pooling_layer=False, **options).train()
    before = [weight.detach().clone() for weight in model.parameters()]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=0)
    torch.manual_seed(1)
    for step in range(100):
        optimizer.zero_grad()
        images = torch.randn(4, 3, 32, 32)
        features = model(images.to(model.dtype)).last_hidden_state.float()
        (features - images.mean((1, 2, 3)).reshape(-1, 1, 1)).square().mean().backward()
        optimizer.step()
    matrices = [(now, then) for now, then in zip(model.parameters(), before) if now.ndim == 2]
    moved = sum((now != then).sum().item() for now, then in matrices) / sum(now.numel() for now, _ in matrices)
    print(f"transformers {sys.argv[1]}, file in {dtype}{', dtype=torch.float32' if options else ''}: loaded as {model.dtype},",
          f"{moved:.1f} of the matrices' numbers moved")
PY
for version in 4.57.6 5.24.0; do
  PYTHONPATH="$version" venv/bin/python tune.py "$version" 2>log || { cat log; exit 1; }
done | tee seen
diff - seen <<'EOT'
transformers 4.57.6, file in torch.float32: loaded as torch.float32, 1.0 of the matrices' numbers moved
transformers 4.57.6, file in torch.bfloat16: loaded as torch.float32, 1.0 of the matrices' numbers moved
transformers 4.57.6, file in torch.bfloat16, dtype=torch.float32: loaded as torch.float32, 1.0 of the matrices' numbers moved
transformers 5.24.0, file in torch.float32: loaded as torch.float32, 1.0 of the matrices' numbers moved
transformers 5.24.0, file in torch.bfloat16: loaded as torch.bfloat16, 0.1 of the matrices' numbers moved
transformers 5.24.0, file in torch.bfloat16, dtype=torch.float32: loaded as torch.float32, 1.0 of the matrices' numbers moved
EOT
