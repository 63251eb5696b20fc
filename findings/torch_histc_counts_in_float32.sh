#!/usr/bin/env bash
# torch: histc, histogram and bincount with weights count one by one in float32, so a class stops at 16 777 216 pixels
# while the others go on, and how many threads there are decides whether it does.
#
# Shares of classes for the weights of a loss, confusion matrices by histc, as many segmentation repositories make them,
# or histograms of pixel values: 256 images of 256 x 256 are as many. The background then becomes rarer than it is,
# means and IoU are wrong, and every count looks like one. histc and histogram add up a count of each thread, so a
# workstation has the right number where a job with OMP_NUM_THREADS=1 or a loader's worker has not. A histogram of the
# whole would have been exact in float32 to a part in ten million. bincount without weights and unique are right, and
# numpy, and float64.
# Source: aten/src/ATen/native/cpu/HistogramKernel.cpp and SummaryOps.cpp;
# https://github.com/pytorch/pytorch/issues/96613 (open); the pages say nothing of it, that of bincount has out[n] +=
# weights[i].
# Versions: torch 2.15.0, on a CPU.
# Seen: the lines at the end; 40 000 000 pixels of three classes, in millions.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 numpy
cat >count.py <<'PY'
import numpy as np
import torch

pixels = torch.zeros(40_000_000, dtype=torch.uint8)
pixels[::8] = 1
pixels[1::16] = 2
values, labels, ones = pixels.float(), pixels.long(), torch.ones(len(pixels))
for threads in (1, 2):
    torch.set_num_threads(threads)
    for name, counts in (("histc", torch.histc(values, 3, 0, 3)),
                         ("histogram", torch.histogram(values, 3, range=(0.0, 3.0))[0]),
                         ("histc, float64", torch.histc(values.double(), 3, 0, 3)),
                         ("bincount, weights of float32", torch.bincount(labels, ones)),
                         ("bincount, weights of float64", torch.bincount(labels, ones.double())),
                         ("bincount", torch.bincount(labels))):
        print(f"threads: {threads}, {name}:", *(f"{count / 1e6:.3f}" for count in counts.tolist()))
print("numpy:", *(f"{count / 1e6:.3f}" for count in np.histogram(values.numpy(), 3, (0, 3))[0]))
PY
venv/bin/python count.py | tee seen
diff - seen <<'EOT'
threads: 1, histc: 16.777 5.000 2.500
threads: 1, histogram: 16.777 5.000 2.500
threads: 1, histc, float64: 32.500 5.000 2.500
threads: 1, bincount, weights of float32: 16.777 5.000 2.500
threads: 1, bincount, weights of float64: 32.500 5.000 2.500
threads: 1, bincount: 32.500 5.000 2.500
threads: 2, histc: 32.500 5.000 2.500
threads: 2, histogram: 32.500 5.000 2.500
threads: 2, histc, float64: 32.500 5.000 2.500
threads: 2, bincount, weights of float32: 16.777 5.000 2.500
threads: 2, bincount, weights of float64: 32.500 5.000 2.500
threads: 2, bincount: 32.500 5.000 2.500
numpy: 32.500 5.000 2.500
EOT
