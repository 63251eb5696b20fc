#!/usr/bin/env bash
# Hugging Face datasets: class_encode_column gives classes that are numbers already other numbers, in the order of their
# digits as text, and each split of a DatasetDict numbers of its own.
#
# train_test_split(stratify_by_column=...) refuses a column of integers and asks for ClassLabel; class_encode_column
# makes one. It turns numbers into strings and sorts those: 10 comes before 2. Of the 1000 classes of ImageNet 12 keep
# their number, so a network that is right on every image has 1.2 % accuracy afterwards, and a head that is trained on
# the new numbers fits nobody else's. Up to ten classes nothing changes, so a trial on CIFAR-10 or MNIST shows nothing.
# Nothing is said; `features["label"].names` holds the old numbers as text, by which int2str undoes it. A split that
# lacks a class shifts the ones after it: the same bird is 1 in one split and 0 in the other. cast_column with
# ClassLabel(num_classes=1000) keeps numbers, and one with names= is the same for all splits.
# Source: src/datasets/arrow_dataset.py, class_encode_column (sorted(str(sample) ...)), and dataset_dict.py, where each
# split is encoded for itself; the docstring has "Casts the given column as ClassLabel and updates the table", with a
# column of booleans. https://github.com/flairNLP/fabricator/issues/51 (open) met the first.
# Versions: datasets 5.2.0.
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export HF_HOME=$work/cache HF_HUB_OFFLINE=1
python3 -m venv venv
venv/bin/pip install --quiet datasets==5.2.0
cat >classes.py <<'PY'
import datasets
from datasets import ClassLabel, Dataset, DatasetDict
datasets.disable_progress_bars()

def kept(before, after):
    return sum(a == b for a, b in zip(before["label"], after["label"]))

for classes in (10, 12, 100, 1000):
    images = Dataset.from_dict({"label": [image % classes for image in range(2 * classes)]})
    encoded = images.class_encode_column("label")
    text = f"{classes} classes: {kept(images, encoded) // 2} keep their number"
    if classes == 12:
        text += f", 0 to 11 become {encoded['label'][:12]}"
    print(text)
try:
    images.train_test_split(0.5, stratify_by_column="label")
except ValueError as error:
    print("to stratify numbers:", str(error).split(".")[0])
names = map(encoded.features["label"].int2str, encoded["label"])
print("the names of the encoded:", kept(images, {"label": map(int, names)}), "of 2000 images have their number")
cast = images.cast_column("label", ClassLabel(num_classes=1000))
print("cast:", kept(images, cast), "of 2000 images keep theirs; halves of", *map(len, cast.train_test_split(
    0.5, stratify_by_column="label").values()))

splits = DatasetDict(train=Dataset.from_dict({"label": ["ant", "bird", "cat"]}),
                     validation=Dataset.from_dict({"label": ["bird", "cat"]}))
for name, split in splits.class_encode_column("label").items():
    print(f"{name}:", *(f"{word} {number}" for word, number in zip(splits[name]["label"], split["label"])))
PY
venv/bin/python classes.py | tee seen
diff - seen <<'EOT'
10 classes: 10 keep their number
12 classes: 2 keep their number, 0 to 11 become [0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 2, 3]
100 classes: 12 keep their number
1000 classes: 12 keep their number
to stratify numbers: Stratifying by column is only supported for ClassLabel column, and column label is Value
the names of the encoded: 2000 of 2000 images have their number
cast: 2000 of 2000 images keep theirs; halves of 1000 1000
train: ant 0 bird 1 cat 2
validation: bird 0 cat 1
EOT
