#!/usr/bin/env bash
# safetensors 0.8: `safetensors.numpy` writes an array that is not in C order with its shape and the wrong values.
#
# Up to 0.7 the writer copied (`tobytes`), so a transposed matrix came back as it was. 0.8 hands on the address of the
# data and writes the memory as it lies: W.T, which everybody writes who turns a layer's weights from (inputs, outputs)
# to torch's (outputs, inputs), or what LAPACK returns (PCA, whitening and linear heads, in Fortran's order), comes back
# with the right name, shape, dtype and mean, and mixed up. No reader can see it: a classifier is just at
# chance. `safetensors.torch` refuses such a tensor with a ValueError. np.ascontiguousarray before saving helps.
# Source: https://github.com/safetensors/safetensors/issues/825; the docstring has "contiguous and dense", which an
# array in Fortran's order is.
# Versions: safetensors 0.7.0 and 0.8.0, numpy 2.4.2.
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >save.py <<'PY'
import sys
import numpy as np
from safetensors.numpy import load_file, save_file
weight = np.arange(6, dtype=np.float32).reshape(2, 3)
for name, array in (("in C order", weight), ("transposed", weight.T), ("in Fortran's order", np.asfortranarray(weight)),
                    ("copied", np.ascontiguousarray(weight.T))):
    save_file({"head.weight": array}, "head.safetensors")
    back = load_file("head.safetensors")["head.weight"]
    print(sys.argv[1], f"{name}: expected {array.tolist()}", "seen", "the same" if (back == array).all() else back.tolist())
PY
for version in 0.7.0 0.8.0; do
  python3 -m venv "$version"
  "$version/bin/pip" install --quiet "safetensors==$version" numpy==2.4.2
  "$version/bin/python" save.py "$version"
done | tee seen
diff - seen <<'EOT'
0.7.0 in C order: expected [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]] seen the same
0.7.0 transposed: expected [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]] seen the same
0.7.0 in Fortran's order: expected [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]] seen the same
0.7.0 copied: expected [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]] seen the same
0.8.0 in C order: expected [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]] seen the same
0.8.0 transposed: expected [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]] seen [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
0.8.0 in Fortran's order: expected [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]] seen [[0.0, 3.0, 1.0], [4.0, 2.0, 5.0]]
0.8.0 copied: expected [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]] seen the same
EOT
