#!/usr/bin/env bash
# NumPy: x.mean(0), x.var(0) and x.std(0) of a long float32 matrix add row after row in float32; from some million rows on
# the sums drift, and a constant has a deviation.
#
# Means and deviations of a data set's pixels (a row a pixel), of features before whitening, batch norm or PCA (a row an
# image or token): 16.8 million rows of 0.9 have the mean 0.983 and the deviation 0.088. Over all elements, over rows that
# are contiguous or over one column alone the sums are pairwise and right, so a trial with one channel or a few images
# shows nothing. dtype=numpy.float64 mends it. pandas, JAX and PyTorch add otherwise and are right.
# Source: numpy.sum, "Notes": pairwise sums are used along the fast axis in memory, or where no axis is given.
# Versions: numpy 2.4.6, pandas 3.1.1, jax 0.10.2 on a CPU.
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet numpy==2.4.6 pandas==3.1.1 jax==0.10.2 jaxlib==0.10.2
cat >means.py <<'PY'
import jax.numpy as jnp
import numpy as np
import pandas as pd
rows = np.full((2**24, 3), 0.9, np.float32)
for name, mean in (("x.mean(0)", rows.mean(0)[0]), ("x.std(0)", rows.std(0)[0]), ("x.mean()", rows.mean()),
                   ("x[:, 0].mean()", rows[:, 0].mean()),
                   ("x.T.copy().mean(1)", rows.T.copy().mean(1)[0]),
                   ("x.mean(0, dtype=numpy.float64)", rows.mean(0, dtype=np.float64)[0]),
                   ("pandas, x.mean()", pd.DataFrame(rows).mean()[0]),
                   ("jax, x.mean(0)", jnp.asarray(rows).mean(0)[0])):
    print(f"{name}: {mean:.3f}")
PY
venv/bin/python means.py | tee seen
diff - seen <<'EOT'
x.mean(0): 0.983
x.std(0): 0.088
x.mean(): 0.900
x[:, 0].mean(): 0.900
x.T.copy().mean(1): 0.900
x.mean(0, dtype=numpy.float64): 0.900
pandas, x.mean(): 0.900
jax, x.mean(0): 0.900
EOT
