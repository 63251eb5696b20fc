#!/usr/bin/env bash
# Hugging Face datasets: `imagefolder` takes a class whose folder is called train (or test-tube, bullet_train, eval
# board) for a split, and all other classes are gone, with their images, without a word.
#
# "train" is a class of CIFAR-100, Pascal VOC and COCO. A folder of class folders with it in, right for torchvision's
# ImageFolder, becomes one split of that class's images; nothing of the rest is read and the column `label` is missing.
# Who pretrains without labels sees nothing but a smaller data set. (timm 1.0.31 meets it, too: of the same folder
# create_dataset(split="train") reads one class and split="validation" all of them.) A split's word anywhere in a name
# counts, as long as spaces, dots, dashes, underscores or digits set it off; "brain" and "trains" are left alone. Where
# two classes have such names, each is a split, and `label` names both. With data_files="FOLDER/*/*" names mean nothing.
# Source: src/datasets/data_files.py, KEYWORDS_IN_DIR_NAME_BASE_PATTERNS;
# https://huggingface.co/docs/hub/datasets-file-names-and-splits has the words, for repositories of data files.
# Versions: datasets 5.2.0, pillow 12.3.0.
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet datasets==5.2.0 pillow==12.3.0
cat >load.py <<'PY'
import os, sys
import datasets
from PIL import Image
datasets.disable_progress_bars()

def words(loaded):
    return "; ".join(f"{split}: {part.num_rows} images, classes "
                     + (" ".join(part.features["label"].names) if "label" in part.features else "none")
                     for split, part in loaded.items())

def make(folder, classes):
    for name in classes:
        os.makedirs(f"{folder}/{name}")
        for i in range(4):
            Image.new("RGB", (8, 8), (60 * i, 0, 0)).save(f"{folder}/{name}/{i}.png")

for k, classes in enumerate((("boat", "brain", "trains"), ("boat", "bus", "train"), ("boat", "bus", "test-tube"),
                             ("bullet_train", "bus", "eval board"))):
    make(f"images{k}", classes)
    loaded = datasets.load_dataset("imagefolder", data_dir=f"images{k}", cache_dir="cache")
    print(", ".join(classes), "->", words(loaded))
loaded = datasets.load_dataset("imagefolder", data_files="images1/*/*", cache_dir="cache")
print("boat, bus, train by data_files ->", words(loaded))
PY
HF_HUB_OFFLINE=1 HF_HOME="$work/home" venv/bin/python load.py | tee seen
diff - seen <<'EOT'
boat, brain, trains -> train: 12 images, classes boat brain trains
boat, bus, train -> train: 4 images, classes none
boat, bus, test-tube -> test: 4 images, classes none
bullet_train, bus, eval board -> train: 4 images, classes bullet_train eval board; test: 4 images, classes bullet_train eval board
boat, bus, train by data_files -> train: 12 images, classes boat bus train
EOT
