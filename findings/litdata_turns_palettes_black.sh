#!/usr/bin/env bash
# litdata: an image with a palette that goes through `optimize` is black when it is read, and a string beside it that is
# the name of a file that exists comes back as that file.
#
# Of a PIL image its mode, size and bytes are kept. Bytes of mode P are indices, and the colours they stand for are
# lost: a drawing, a screenshot or any GIF, opened and handed on as in a data set that converts later, is "P" again
# after reading, and convert("RGB"), which every pipeline has, makes each pixel 0. Sizes, labels and number of images
# are right, JPEG and PNG without a palette too, so what one looks at is right and some share of a scraped collection is
# black. Label maps with a palette keep their indices. Convert before `optimize`. A column that says which file an image
# came from holds the image again, decoded to a tensor, as long as the path leads to it where `optimize` runs; from
# another folder, or with the last part alone, it stays a string.
# Source: litdata/streaming/serializers.py, PILSerializer (tobytes and Image.frombytes) and StringSerializer, which
# leaves files to the ones after it. Pillow's own page of frombytes speaks of pixel data alone;
# https://github.com/python-pillow/Pillow/issues/6788 (closed, indices without colours are black).
# Versions: litdata 0.2.76, torch 2.15.0, pillow 12.3.0.
# Seen: the lines at the end; the same picture in four files, levels of 255.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 torchvision==0.29.2 litdata==0.2.76 pillow==12.3.0 numpy==2.4.6
cat >write.py <<'PY'
import pathlib
import litdata
import numpy as np
from PIL import Image

def sample(path):
    return {"image": Image.open(path), "name": pathlib.Path(path).name, "from": path}

def converted(path):
    return {"image": Image.open(path).convert("RGB"), "name": pathlib.Path(path).name, "from": path}

def mean(image):
    return np.asarray(image.convert("RGB")).mean()

if __name__ == "__main__":
    y, x = np.mgrid[:64, :64]
    picture = Image.fromarray(np.stack([4 * x, 4 * y, 252 - 2 * (x + y)], -1).astype(np.uint8))
    pathlib.Path("images").mkdir()
    picture.save("images/colours.png")
    picture.convert("L").save("images/grey.png")
    picture.quantize(256).save("images/palette.png")
    picture.quantize(256).save("images/frame.gif")
    paths = sorted(map(str, pathlib.Path("images").iterdir()))
    for way in (sample, converted):
        litdata.optimize(way, paths, output_dir=way.__name__, chunk_bytes="64MB", num_workers=1)
        for seen in sorted(litdata.StreamingDataset(way.__name__), key=lambda seen: seen["name"]):
            image, written = seen["image"], Image.open("images/" + seen["name"])
            kept = np.array_equal(np.asarray(image), np.asarray(written if way is sample else written.convert("RGB")))
            print(f"seen {way.__name__}, {seen['name']}: {image.mode}, numbers {'kept' if kept else 'lost'}, "
                  f"mean {mean(written):.0f} is {mean(image):.0f}; "
                  f"the name of its file is a {type(seen['from']).__name__}")
PY
TMPDIR=$work OMP_NUM_THREADS=1 venv/bin/python write.py >log 2>&1 || { cat log; exit 1; }
sed -n 's/^seen //p' log | tee seen
diff - seen <<'EOT'
sample, colours.png: RGB, numbers kept, mean 126 is 126; the name of its file is a Tensor
sample, frame.gif: P, numbers kept, mean 126 is 0; the name of its file is a Tensor
sample, grey.png: L, numbers kept, mean 126 is 126; the name of its file is a Tensor
sample, palette.png: P, numbers kept, mean 126 is 0; the name of its file is a Tensor
converted, colours.png: RGB, numbers kept, mean 126 is 126; the name of its file is a Tensor
converted, frame.gif: RGB, numbers kept, mean 126 is 126; the name of its file is a Tensor
converted, grey.png: RGB, numbers kept, mean 126 is 126; the name of its file is a Tensor
converted, palette.png: RGB, numbers kept, mean 126 is 126; the name of its file is a Tensor
EOT
