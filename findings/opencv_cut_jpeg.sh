#!/usr/bin/env bash
# OpenCV: a baseline JPEG that ends early was a picture with a grey rest in 4.6 and is no picture in 4.14
# and 5.0, which return nothing and raise nothing.
#
# Data sets hold such files (downloads that broke off). Code written against Debian's 4.6.0 trains on
# the upper part without a word; the same code on a new wheel meets None at the same file, and only
# there: a progressive file cut at the same share is None in all three.
# Source: modules/imgcodecs/src/grfmt_jpeg.cpp.
# Versions: opencv-python-headless 4.6.0.66, 4.14.0.94, 5.0.0.93; pillow 12.3.0 writes the files.
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >look.py <<'PY'
import io, cv2, numpy as np
from PIL import Image
noise = cv2.GaussianBlur((np.random.RandomState(0).rand(60, 80, 3) * 255).astype(np.uint8), (9, 9), 3)
for name, form in (("baseline", {}), ("progressive", {"progressive": True})):
    bytes_ = io.BytesIO()
    Image.fromarray(noise).save(bytes_, "JPEG", quality=80, **form)
    data = np.frombuffer(bytes_.getvalue(), np.uint8)
    picture = cv2.imdecode(data[:len(data) * 2 // 3], cv2.IMREAD_COLOR)
    print(cv2.__version__, name, "nothing" if picture is None else "a picture")
PY
seen() {  # VERSION NUMPY
  python3 -m venv "$1"
  "$1/bin/pip" install --quiet "opencv-python-headless==$1" pillow==12.3.0 "$2"
  "$1/bin/python" look.py 2>/dev/null
}
{ seen 4.6.0.66 'numpy<2'; seen 4.14.0.94 'numpy>=2'; seen 5.0.0.93 'numpy>=2'; } | tee seen
diff - seen <<'EOT'
4.6.0 baseline a picture
4.6.0 progressive nothing
4.14.0 baseline nothing
4.14.0 progressive nothing
5.0.0 baseline nothing
5.0.0 progressive nothing
EOT
