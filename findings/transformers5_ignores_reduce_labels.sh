#!/usr/bin/env bash
# transformers 5: an image processor whose file says "reduce_labels": true, as it was spelt before 2023, does not reduce
# the labels. 4.40 does, 4.57 does not and warns, 5 says nothing and writes the old key beside the new one.
#
# ADE20K's maps have 0 for what is not labelled and 1 to 150 for the classes; reducing makes them 255 (ignored) and
# 0 to 149. Without it a segmentation model of that time is judged by labels that are all one off, with code and file
# unchanged, and fine-tuning teaches "not labelled" as class 0, unless a 150 in a map stops it. What save_pretrained
# writes says true under one spelling and false under the other, and false is what counts. Checkpoints on a disk keep the
# old key whatever the Hub's copy says today. do_reduce_labels=True in from_pretrained mends it.
# Source: https://github.com/huggingface/transformers/pull/21218 (the new name), /pull/37230, /issues/35402.
# Versions: transformers 4.40.2 (with numpy 1.26.4), 4.57.6, 5.23.0 (with torch 2.15.0, torchvision 0.29.2), numpy 2.4.6,
# Pillow 12.0.0.
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv 4.40.2
4.40.2/bin/pip install --quiet transformers==4.40.2 numpy==1.26.4 pillow==12.0.0
python3 -m venv 4.57.6
4.57.6/bin/pip install --quiet transformers==4.57.6 numpy==2.4.6 pillow==12.0.0
python3 -m venv 5.23.0
5.23.0/bin/pip install --quiet transformers==5.23.0 torch==2.15.0 torchvision==0.29.2 numpy==2.4.6 pillow==12.0.0
cat >labels.py <<'PY'
import contextlib
import io
import json
import os
import sys
import warnings
import numpy as np
import transformers
from transformers import AutoImageProcessor

os.makedirs("model", exist_ok=True)
with open("model/preprocessor_config.json", "w") as file:
    json.dump({"feature_extractor_type": "SegformerFeatureExtractor", "image_processor_type": "SegformerImageProcessor",
               "reduce_labels": True, "do_resize": True, "size": 512, "resample": 2, "do_normalize": True,
               "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}, file)
picture = np.zeros((512, 512, 3), np.uint8)
labels = np.array([[0, 1], [2, 150]], np.uint8).repeat(256, 0).repeat(256, 1)
for more in ({}, {"do_reduce_labels": True}):
    said = io.StringIO()
    with warnings.catch_warnings(record=True) as told, contextlib.redirect_stderr(said):
        warnings.simplefilter("always")
        processor = AutoImageProcessor.from_pretrained("model", **more)
        found = np.unique(processor(picture, labels)["labels"][0])
    warned = "warns" if any("reduce_labels" in str(one.message) for one in told) or "reduce_labels" in said.getvalue() else "silent"
    print(transformers.__version__, *more, "0 1 2 150 become", *found, "-", warned)
processor = AutoImageProcessor.from_pretrained("model")
processor.save_pretrained("saved")
saved = json.load(open("saved/preprocessor_config.json"))
print("  and writes", {key: saved[key] for key in sorted(saved) if key.endswith("reduce_labels")})
PY
for version in 4.40.2 4.57.6 5.23.0; do
  "$version/bin/python" labels.py 2>"$version.said"
  if [ "$version" = 5.23.0 ] && grep -q reduce_labels "$version.said"; then echo "5.23.0 does say something"; fi
done | tee seen
diff - seen <<'EOT'
4.40.2 0 1 2 150 become 0 1 149 255 - warns
4.40.2 do_reduce_labels 0 1 2 150 become 0 1 149 255 - warns
  and writes {'do_reduce_labels': True}
4.57.6 0 1 2 150 become 0 1 2 150 - warns
4.57.6 do_reduce_labels 0 1 2 150 become 0 1 149 255 - warns
  and writes {'do_reduce_labels': False}
5.23.0 0 1 2 150 become 0 1 2 150 - silent
5.23.0 do_reduce_labels 0 1 2 150 become 0 1 149 255 - silent
  and writes {'do_reduce_labels': False, 'reduce_labels': True}
EOT
