#!/usr/bin/env bash
# timm: a folder's classes are numbered in natural order without regard to case, and by the last folder's name;
# torchvision numbers them by code points and by the first. The same head is wrong under the other's labels, and
# nothing is said.
#
# class_2 comes before class_10 in timm and after it in torchvision and Hugging Face datasets; Zebra comes after ant,
# and before it. Folders named by number are like that, and Oxford's pets, whose cats begin with a capital and dogs do
# not; ImageNet's names sort alike everywhere, so the usual test sees no difference. With another level, dog/large and
# cat/large are one class in timm and in datasets. Where a network is trained with timm's train.py and evaluated with
# ImageFolder, or predictions and labels are joined by number, accuracy is that of a permutation. A class_map gives timm
# an order.
# Source: timm/data/readers/reader_image_folder.py, find_images_and_targets (natural_key, leaf_name_only);
# torchvision/datasets/folder.py, find_classes (sorted); https://github.com/huggingface/pytorch-image-models/issues/222.
# Versions: timm 1.0.31, torchvision 0.29.2, datasets 5.2.0.
# Seen: the lines at the end; the classes in the order of their numbers.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export HF_HOME=$work/home HF_HUB_OFFLINE=1
python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 torchvision==0.29.2 timm==1.0.31 datasets==5.2.0 numpy
cat >order.py <<'PY'
import os
import datasets, timm.data, torchvision
from PIL import Image
datasets.disable_progress_bars()
kinds = {
    "numbers": [f"class_{k}" for k in range(1, 13)],
    "case": ["Abyssinian", "beagle", "Bombay", "boxer", "Sphynx"],
    "wnids": ["n01440764", "n02084071", "n03000684"],
    "two levels": ["cat/large", "cat/small", "dog/large", "dog/small"],
}
for kind, folders in kinds.items():
    for folder in folders:
        os.makedirs(f"{kind}/{folder}")
        for name in "ab":
            Image.new("RGB", (8, 8)).save(f"{kind}/{folder}/{name}.png")
    by_timm = timm.data.create_dataset("", kind)
    by_torch = torchvision.datasets.ImageFolder(kind)
    by_hub = datasets.load_dataset("imagefolder", data_dir=kind, split="train")
    numbers = lambda names: sorted(names, key=names.get)
    print(f"{kind}, timm:", *numbers(by_timm.reader.class_to_idx))
    print(f"{kind}, torchvision:", *numbers(by_torch.class_to_idx))
    print(f"{kind}, datasets:", *by_hub.features["label"].names)
    theirs = {os.path.abspath(by_timm.filename(k, absolute=True)): by_timm[k][1] for k in range(len(by_timm))}
    ours = {os.path.abspath(path): label for path, label in by_torch.samples}
    same = sum(theirs[path] == label for path, label in ours.items())
    print(f"{kind}, images with one label in timm and torchvision: {same} of {len(ours)}")
PY
venv/bin/python order.py 2>log | tee seen || { cat log; exit 1; }
diff - seen <<'EOT'
numbers, timm: class_1 class_2 class_3 class_4 class_5 class_6 class_7 class_8 class_9 class_10 class_11 class_12
numbers, torchvision: class_1 class_10 class_11 class_12 class_2 class_3 class_4 class_5 class_6 class_7 class_8 class_9
numbers, datasets: class_1 class_10 class_11 class_12 class_2 class_3 class_4 class_5 class_6 class_7 class_8 class_9
numbers, images with one label in timm and torchvision: 2 of 24
case, timm: Abyssinian beagle Bombay boxer Sphynx
case, torchvision: Abyssinian Bombay Sphynx beagle boxer
case, datasets: Abyssinian Bombay Sphynx beagle boxer
case, images with one label in timm and torchvision: 2 of 10
wnids, timm: n01440764 n02084071 n03000684
wnids, torchvision: n01440764 n02084071 n03000684
wnids, datasets: n01440764 n02084071 n03000684
wnids, images with one label in timm and torchvision: 6 of 6
two levels, timm: large small
two levels, torchvision: cat dog
two levels, datasets: large small
two levels, images with one label in timm and torchvision: 4 of 8
EOT
