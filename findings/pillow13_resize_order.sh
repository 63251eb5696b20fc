#!/usr/bin/env bash
# Pillow 13 chooses the order of the two passes of a resize by the shapes, so for some shapes its pixels
# differ from 12's, and for most they do not.
#
# A pass along rows and one along columns are each rounded to whole levels, so their order shows. Pillow
# up to 12 always takes the rows' pass first; 13 takes the columns' first where the height shrinks far
# more than the width. Usual photographs resized to usual sizes keep every bit, which is why a comparison
# on a few of them sees nothing; panoramas and crops of odd shape do not.
# Source: src/libImaging/Resample.c (ImagingResampleInner).
# Versions: pillow 12.3.0 and 13.0.0. Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >resize.py <<'PY'
import random, sys
from PIL import Image
random.seed(1)
picture = Image.frombytes("RGB", (100, 60), bytes(random.randrange(256) for _ in range(18000)))
with open(sys.argv[1], "wb") as out:
    for size in ((50, 30), (200, 120), (90, 50), (20, 150), (90, 10), (150, 20)):
        out.write(picture.resize(size, Image.BILINEAR).tobytes())
PY
for version in 12.3.0 13.0.0; do
  python3 -m venv "$version"
  "$version/bin/pip" install --quiet "pillow==$version"
  "$version/bin/python" resize.py "$version.bytes"
done
python3 - <<'PY' | tee seen
old, new = (open(v + ".bytes", "rb").read() for v in ("12.3.0", "13.0.0"))
begin = 0
for width, height in ((50, 30), (200, 120), (90, 50), (20, 150), (90, 10), (150, 20)):
    end = begin + width * height * 3
    most = max(abs(a - b) for a, b in zip(old[begin:end], new[begin:end]))
    print(f"100x60 to {width}x{height}:", "the same" if most == 0 else f"up to {most} levels apart")
    begin = end
PY
diff - seen <<'EOT'
100x60 to 50x30: the same
100x60 to 200x120: the same
100x60 to 90x50: the same
100x60 to 20x150: the same
100x60 to 90x10: up to 1 levels apart
100x60 to 150x20: up to 1 levels apart
EOT
