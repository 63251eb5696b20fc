#!/usr/bin/env bash
# OpenCV: cv2.VideoWriter cuts the last column and the last row off films of an odd size, in every
# container and codec, lossless ones too, and says nothing.
#
# The writer opens, takes each frame and gives no error; what is read back is one pixel narrower and
# lower. Frames are not scaled, so positions still agree, but a film of label maps or overlays no
# longer has the size of what it is laid over, and the network's crop of it is another one.
# Only chroma that is stored at half size (4:2:0) would need even sides; FFV1 keeps every pixel of any
# size when ffmpeg writes it. Where sizes matter: pad to even sides before writing, or pipe to ffmpeg.
# Source: modules/videoio/src/cap_ffmpeg_impl.hpp (a comment there; the documents do not say it).
# Versions: opencv-python-headless 4.6.0.66, 4.14.0.94, 5.0.0.93.
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >film.py <<'PY'
import cv2, numpy as np
for codec, ending in (("mp4v", "mp4"), ("MJPG", "avi"), ("FFV1", "mkv")):
    name = f"film.{ending}"
    writer = cv2.VideoWriter(name, cv2.VideoWriter_fourcc(*codec), 10, (101, 77))
    opened = writer.isOpened()
    for level in (0, 80, 160):
        writer.write(np.full((77, 101, 3), level, np.uint8))
    writer.release()
    height, width = cv2.VideoCapture(name).read()[1].shape[:2]
    print(f"{cv2.__version__} {codec}: opened {opened}, wrote 101 x 77, read {width} x {height}")
PY
seen() {  # VERSION NUMPY
  python3 -m venv "$1"
  "$1/bin/pip" install --quiet "opencv-python-headless==$1" "$2"
  "$1/bin/python" film.py 2>/dev/null
}
{ seen 4.6.0.66 'numpy<2'; seen 4.14.0.94 'numpy>=2'; seen 5.0.0.93 'numpy>=2'; } | tee seen
diff - seen <<'EOT'
4.6.0 mp4v: opened True, wrote 101 x 77, read 100 x 76
4.6.0 MJPG: opened True, wrote 101 x 77, read 100 x 76
4.6.0 FFV1: opened True, wrote 101 x 77, read 100 x 76
4.14.0 mp4v: opened True, wrote 101 x 77, read 100 x 76
4.14.0 MJPG: opened True, wrote 101 x 77, read 100 x 76
4.14.0 FFV1: opened True, wrote 101 x 77, read 100 x 76
5.0.0 mp4v: opened True, wrote 101 x 77, read 100 x 76
5.0.0 MJPG: opened True, wrote 101 x 77, read 100 x 76
5.0.0 FFV1: opened True, wrote 101 x 77, read 100 x 76
EOT
