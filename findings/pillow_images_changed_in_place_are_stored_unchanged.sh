#!/usr/bin/env bash
# datasets and litdata: of a Pillow image that came from a file they store the file, not the image. What was done to it in
# place (thumbnail, paste, ImageDraw, seek to another frame) is gone.
#
# A set that was cut down by thumbnail((256, 256)) before it is written is as large as ever, faces and labels that were
# painted over are there again, and of a TIFF or GIF each frame is the first one. The image shown beside the writer is
# right, the rows and columns are right, nothing is said. datasets looks whether `filename` is set, of any format, in
# from_dict, from_generator and map; litdata asks for JpegImageFile, so PNGs are right and JPEGs are not. Methods that
# return an image (resize, crop, convert, rotate) make one without a file name, which is stored as it is; .copy() before
# storing helps.
# Source: datasets/features/image.py, encode_pil_image; litdata/streaming/serializers.py, JPEGSerializer. The page of
# datasets' Image has "PIL.Image.Image" as an input, no more.
# Versions: datasets 5.2.0, litdata 0.2.76, pillow 13.0.0.
# Seen: the lines at the end: size and mean of what was given and of what comes back; the files are 300 x 200, all 200.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for library in datasets==5.2.0 litdata==0.2.76; do
  python3 -m venv "${library%%=*}"
  "${library%%=*}/bin/pip" install --quiet "$library" pillow==13.0.0 numpy==2.4.6
done
cat >change.py <<'PY'
import numpy as np
from PIL import Image, ImageDraw

def make():
    picture = Image.fromarray(np.full((200, 300, 3), 200, np.uint8))
    for name in ("a.jpg", "a.png"):
        picture.save(name)
    first, *rest = (Image.fromarray(np.full((20, 30), 60 * frame, np.uint8)) for frame in range(4))
    first.save("film.tiff", save_all=True, append_images=rest)

def thumbnail(name):
    image = Image.open(name)
    image.thumbnail((60, 60))
    return image

def painted(name):
    image = Image.open(name)
    ImageDraw.Draw(image).rectangle((0, 0, 149, 199), fill=(0, 0, 0))
    return image

def resized(name):
    return Image.open(name).resize((60, 40))

def copied(name):
    return thumbnail(name).copy()

def frame(number):
    image = Image.open("film.tiff")
    image.seek(number)
    return image

def words(image):
    array = np.asarray(image)
    return f"{array.shape[1]} x {array.shape[0]}, {array.mean():.0f}"
PY
cat >with_datasets.py <<'PY'
import datasets
from change import *
datasets.disable_progress_bars()
make()
features = datasets.Features({"image": datasets.Image()})
for name in ("a.jpg", "a.png"):
    for change in (thumbnail, painted, resized, copied):
        rows = datasets.Dataset.from_dict({"image": [change(name)]}, features=features)
        mapped = datasets.Dataset.from_dict({"name": [name]}).map(lambda row: {"image": change(row["name"])},
                                                                  features=datasets.Features(
                                                                      {"name": datasets.Value("string"), **features}))
        print(f"datasets, {name} {change.__name__}: given {words(change(name))}; from_dict {words(rows[0]['image'])};",
              f"map {words(mapped[0]['image'])}")
rows = datasets.Dataset.from_dict({"image": [frame(number) for number in range(4)]}, features=features)
print("datasets, frames: given", *(words(frame(number)) + ";" for number in range(4)), "stored",
      *(words(row["image"]) + ";" for row in rows))
PY
cat >with_litdata.py <<'PY'
import litdata, sys
from change import *

changes = (thumbnail, painted, resized, copied)
names = ("a.jpg", "a.png")

def row(index):
    return {"image": changes[index % 4](names[index // 4])}

if __name__ == "__main__":
    make()
    litdata.optimize(row, list(range(8)), "out", num_workers=1, chunk_size=8)
    for index, stored in enumerate(litdata.StreamingDataset("out")):
        image = stored["image"]
        image = image if isinstance(image, Image.Image) else image.numpy().transpose(1, 2, 0)
        print(f"litdata, {names[index // 4]} {changes[index % 4].__name__}: given {words(row(index)['image'])};",
              f"stored {words(image)}", file=sys.stderr)
PY
HF_HOME="$work/home" datasets/bin/python with_datasets.py >seen
litdata/bin/python with_litdata.py 2>&1 | grep '^litdata, ' >>seen
cat seen
diff - seen <<'EOT'
datasets, a.jpg thumbnail: given 60 x 40, 200; from_dict 300 x 200, 200; map 300 x 200, 200
datasets, a.jpg painted: given 300 x 200, 100; from_dict 300 x 200, 200; map 300 x 200, 200
datasets, a.jpg resized: given 60 x 40, 200; from_dict 60 x 40, 200; map 60 x 40, 200
datasets, a.jpg copied: given 60 x 40, 200; from_dict 60 x 40, 200; map 60 x 40, 200
datasets, a.png thumbnail: given 60 x 40, 200; from_dict 300 x 200, 200; map 300 x 200, 200
datasets, a.png painted: given 300 x 200, 100; from_dict 300 x 200, 200; map 300 x 200, 200
datasets, a.png resized: given 60 x 40, 200; from_dict 60 x 40, 200; map 60 x 40, 200
datasets, a.png copied: given 60 x 40, 200; from_dict 60 x 40, 200; map 60 x 40, 200
datasets, frames: given 30 x 20, 0; 30 x 20, 60; 30 x 20, 120; 30 x 20, 180; stored 30 x 20, 0; 30 x 20, 0; 30 x 20, 0; 30 x 20, 0;
litdata, a.jpg thumbnail: given 60 x 40, 200; stored 300 x 200, 200
litdata, a.jpg painted: given 300 x 200, 100; stored 300 x 200, 200
litdata, a.jpg resized: given 60 x 40, 200; stored 60 x 40, 200
litdata, a.jpg copied: given 60 x 40, 200; stored 60 x 40, 200
litdata, a.png thumbnail: given 60 x 40, 200; stored 60 x 40, 200
litdata, a.png painted: given 300 x 200, 100; stored 300 x 200, 100
litdata, a.png resized: given 60 x 40, 200; stored 60 x 40, 200
litdata, a.png copied: given 60 x 40, 200; stored 60 x 40, 200
EOT
