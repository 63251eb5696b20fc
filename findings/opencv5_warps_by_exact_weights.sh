#!/usr/bin/env bash
# OpenCV 5: cv2.warpAffine and cv2.remap weigh the four neighbours by where a pixel falls; up to 4.14 they round that
# to a 32nd of a pixel, also for floats, so a rotation has other pixels in 5 than in 4.
#
# Who trains with rotations, shears or turned crops (RandAugment does) in 4 and evaluates in 5, or compares two
# programs' augmentations bit by bit, sees several levels between them where edges are sharp. In 4 a float image is no
# better than bytes. A shift by a 32nd or its multiples is the same in all of them, which is why a test by halves and
# quarters sees nothing.
# Source: https://github.com/opencv/opencv/issues/27280 (fixed point in 4, floats in 5), /issues/26361 (the table).
# Versions: opencv-python-headless 4.6.0.66, 4.14.0.94, 5.0.0.93.
# Seen: the lines at the end; levels of 255, apart from weights in double precision.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >warp.py <<'PY'
import cv2
import numpy as np
picture = (np.random.RandomState(0).rand(96, 96) * 255).astype(np.float32)
turn = cv2.getRotationMatrix2D((47.5, 47.5), 20, 1.1)
quarter = np.array([[1, 0, 5.25], [0, 1, 3.75]])

def exact(matrix):
    inverse = cv2.invertAffineTransform(matrix)
    y, x = np.mgrid[0:96, 0:96]
    return [inverse[r, 0] * x + inverse[r, 1] * y + inverse[r, 2] for r in (0, 1)]

def weighed(x, y):
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    u, v = x - left, y - top
    at = lambda dy, dx: picture[np.clip(top + dy, 0, 95), np.clip(left + dx, 0, 95)].astype(np.float64)
    return (1 - v) * ((1 - u) * at(0, 0) + u * at(0, 1)) + v * ((1 - u) * at(1, 0) + u * at(1, 1))

def words(got, want):
    most = np.abs(got - want)[24:72, 24:72].max()
    return "below 0.01" if most < 0.01 else f"{most:.1f}"

for name, matrix in (("a turn by 20 degrees", turn), ("a shift by quarters", quarter)):
    x, y = exact(matrix)
    warped = cv2.warpAffine(picture, matrix, (96, 96), flags=cv2.INTER_LINEAR)
    mapped = cv2.remap(picture, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)
    print(f"{cv2.__version__} {name}: warpAffine {words(warped, weighed(x, y))}, remap {words(mapped, weighed(x, y))}")
PY
seen() {  # VERSION NUMPY
  python3 -m venv "$1"
  "$1/bin/pip" install --quiet "opencv-python-headless==$1" "$2"
  "$1/bin/python" warp.py
}
{ seen 4.6.0.66 'numpy<2'; seen 4.14.0.94 'numpy>=2'; seen 5.0.0.93 'numpy>=2'; } | tee seen
diff - seen <<'EOT'
4.6.0 a turn by 20 degrees: warpAffine 5.2, remap 4.4
4.6.0 a shift by quarters: warpAffine below 0.01, remap below 0.01
4.14.0 a turn by 20 degrees: warpAffine 5.2, remap 4.4
4.14.0 a shift by quarters: warpAffine below 0.01, remap below 0.01
5.0.0 a turn by 20 degrees: warpAffine below 0.01, remap below 0.01
5.0.0 a shift by quarters: warpAffine below 0.01, remap below 0.01
EOT
