#!/usr/bin/env bash
# OpenCV: cv2.VideoCapture reads a film that is marked as BT.709 by the matrix of BT.601 up to 4.12 and by its own since
# 4.13, so the same clip has other colours: a green of 200 is 227 in one and 199 in the other.
#
# Films of high definition are BT.709 as a rule. Features of frames that were extracted with one version do not match
# those of the next, and a network that was trained on frames by OpenCV 4.12 meets others by PyAV or decord, which
# follow the mark. Greys are equal and nothing is said. A film without a mark is read as BT.601 by all of them, whatever
# its size. To compare, decode everything with one version.
# Source: https://github.com/opencv/opencv/issues/20513 (open, the matrix is ignored). The wheel of 4.12 calls FFmpeg's
# sws_scale with bare planes, that of 4.13 sws_scale_frame, which sees the frame's marks.
# Versions: opencv-python-headless 4.12.0.88, 4.13.0.92, 5.0.0.93; av 18.1.0, decord 0.6.0 (numpy 1.26.4).
# Seen: the lines at the end; three fields of 200 beside 40 and one of grey 128, H.264, 1280 x 720.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv av
av/bin/pip install --quiet av==18.1.0 numpy==2.2.6
cat >write.py <<'PY'
import av
import numpy as np
colours = np.array([(200, 40, 40), (40, 200, 40), (40, 40, 200), (128, 128, 128)]) / 255

def write(path, red, blue, mark):
    with av.open(path, "w") as film:
        stream = film.add_stream("libx264", rate=25, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = mark
        context.color_range = 1
        luma = colours @ (red, 1 - red - blue, blue)
        planes = (16 + 219 * luma, 128 + 112 * (colours[:, 2] - luma) / (1 - blue),
                  128 + 112 * (colours[:, 0] - luma) / (1 - red))
        for _ in range(5):
            frame = av.VideoFrame(1280, 720, "yuv420p")
            frame.colorspace, frame.color_range = mark, 1
            for plane, levels in zip(frame.planes, planes):
                rows = np.zeros((plane.height, plane.line_size), np.uint8)
                rows[:, :plane.width] = np.repeat(levels.round(), plane.width // 4)
                plane.update(rows.tobytes())
            film.mux(stream.encode(frame))
        film.mux(stream.encode())

write("BT.601.mp4", 0.299, 0.114, 6)
write("BT.709.mp4", 0.2126, 0.0722, 1)
write("BT.709, no mark.mp4", 0.2126, 0.0722, 2)
PY
cat >read.py <<'PY'
import sys

def by_cv2(path):
    import cv2
    return cv2.VideoCapture(path).read()[1][..., ::-1]

def by_av(path):
    import av
    with av.open(path) as film:
        return next(film.decode(video=0)).to_ndarray(format="rgb24")

def by_decord(path):
    import decord
    return decord.VideoReader(path)[0].asnumpy()

for film in ("BT.601", "BT.709", "BT.709, no mark"):
    frame = {"cv2": by_cv2, "av": by_av, "decord": by_decord}[sys.argv[1]](film + ".mp4")
    print(" ".join(sys.argv[1:]), f"{film}:", *(tuple(map(int, frame[360, x])) for x in (160, 480, 800, 1120)))
PY
av/bin/python write.py
{
  av/bin/python read.py av
  python3 -m venv decord
  decord/bin/pip install --quiet decord==0.6.0 numpy==1.26.4
  decord/bin/python read.py decord
  for version in 4.12.0.88 4.13.0.92 5.0.0.93; do
    python3 -m venv "$version"
    "$version/bin/pip" install --quiet opencv-python-headless=="$version" numpy==2.2.6
    "$version/bin/python" read.py cv2 "$version"
  done
} | tee seen
diff - seen <<'EOT'
av BT.601: (198, 39, 38) (38, 198, 38) (40, 38, 199) (128, 128, 128)
av BT.709: (199, 39, 40) (39, 199, 39) (40, 39, 198) (128, 128, 128)
av BT.709, no mark: (185, 23, 41) (51, 227, 45) (41, 27, 192) (128, 128, 128)
decord BT.601: (198, 39, 38) (38, 198, 38) (40, 38, 199) (128, 128, 128)
decord BT.709: (199, 39, 40) (39, 199, 39) (40, 39, 198) (128, 128, 128)
decord BT.709, no mark: (185, 23, 41) (51, 227, 45) (41, 27, 192) (128, 128, 128)
cv2 4.12.0.88 BT.601: (198, 39, 38) (38, 198, 38) (40, 38, 199) (128, 128, 128)
cv2 4.12.0.88 BT.709: (185, 23, 41) (51, 227, 45) (41, 27, 192) (128, 128, 128)
cv2 4.12.0.88 BT.709, no mark: (185, 23, 41) (51, 227, 45) (41, 27, 192) (128, 128, 128)
cv2 4.13.0.92 BT.601: (198, 39, 38) (38, 198, 38) (40, 38, 199) (128, 128, 128)
cv2 4.13.0.92 BT.709: (199, 39, 40) (39, 199, 39) (40, 39, 198) (128, 128, 128)
cv2 4.13.0.92 BT.709, no mark: (185, 23, 41) (51, 227, 45) (41, 27, 192) (128, 128, 128)
cv2 5.0.0.93 BT.601: (198, 39, 38) (38, 198, 38) (40, 38, 199) (128, 128, 128)
cv2 5.0.0.93 BT.709: (199, 39, 40) (39, 199, 39) (40, 39, 198) (128, 128, 128)
cv2 5.0.0.93 BT.709, no mark: (185, 23, 41) (51, 227, 45) (41, 27, 192) (128, 128, 128)
EOT
