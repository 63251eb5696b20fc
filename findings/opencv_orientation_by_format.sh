#!/usr/bin/env bash
# OpenCV: IMREAD_IGNORE_ORIENTATION and IMREAD_UNCHANGED do not ignore the orientation of a TIFF, and
# a WebP's is applied by default only in newer releases.
#
# The same picture, 80 wide and 60 high, with orientation 6 (to be turned by a quarter) in four formats.
# The documentation says of IMREAD_IGNORE_ORIENTATION "do not rotate the image according to EXIF's
# orientation flag" and of IMREAD_UNCHANGED "ignore EXIF orientation". A TIFF is turned all the same:
# its tag is applied inside the decoder, not by the code that the flags steer. So one flag for a
# whole folder gives pictures and masks that lie differently as soon as one of them is a TIFF. (Pillow
# turns a TIFF when it loads it, too, and leaves the others to ImageOps.exif_transpose.)
# And 4.6.0, which Debian 12 has, does not know the orientation of a WebP; 4.14.0 and 5.0.0 turn it.
# Source: modules/imgcodecs/src/loadsave.cpp (ApplyExifOrientation), grfmt_tiff.cpp.
# Versions: opencv-python-headless 4.6.0.66, 4.14.0.94, 5.0.0.93; pillow 12.3.0 writes the files.
# Seen: the table at the end ("turned": 60 wide, 80 high).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >look.py <<'PY'
import io, cv2, numpy as np
from PIL import Image
ramp = np.arange(60 * 80 * 3, dtype=np.uint32).reshape(60, 80, 3) // 60
picture = Image.fromarray((ramp % 256).astype(np.uint8))
exif = Image.Exif()
exif[0x0112] = 6
for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
    bytes_ = io.BytesIO()
    picture.save(bytes_, kind, exif=exif)
    data = np.frombuffer(bytes_.getvalue(), np.uint8)
    flags = {"color": cv2.IMREAD_COLOR, "unchanged": cv2.IMREAD_UNCHANGED,
             "ignore": cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION}
    turned = [name + (" turned" if cv2.imdecode(data, flag).shape[0] == 80 else " as stored")
              for name, flag in flags.items()]
    print(cv2.__version__, kind, ", ".join(turned))
PY
seen() {  # VERSION NUMPY
  python3 -m venv "$1"
  "$1/bin/pip" install --quiet "opencv-python-headless==$1" pillow==12.3.0 "$2"
  "$1/bin/python" look.py
}
{ seen 4.6.0.66 'numpy<2'; seen 4.14.0.94 'numpy>=2'; seen 5.0.0.93 'numpy>=2'; } | tee seen
diff - seen <<'EOT'
4.6.0 JPEG color turned, unchanged as stored, ignore as stored
4.6.0 PNG color turned, unchanged as stored, ignore as stored
4.6.0 WEBP color as stored, unchanged as stored, ignore as stored
4.6.0 TIFF color turned, unchanged turned, ignore turned
4.14.0 JPEG color turned, unchanged as stored, ignore as stored
4.14.0 PNG color turned, unchanged as stored, ignore as stored
4.14.0 WEBP color turned, unchanged as stored, ignore as stored
4.14.0 TIFF color turned, unchanged turned, ignore turned
5.0.0 JPEG color turned, unchanged as stored, ignore as stored
5.0.0 PNG color turned, unchanged as stored, ignore as stored
5.0.0 WEBP color turned, unchanged as stored, ignore as stored
5.0.0 TIFF color turned, unchanged turned, ignore turned
EOT
