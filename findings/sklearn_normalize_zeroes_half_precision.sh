#!/usr/bin/env bash
# scikit-learn: preprocessing.normalize and Normalizer square float16 features in float16. A row whose squares add up to
# more than 65 504 comes out as zeros, without a warning, and its image is no longer anybody's neighbour.
#
# Features are often stored as float16, and vision transformers can have single channels of some hundreds among values
# around one (https://arxiv.org/abs/2402.17762). From 256 on the square of one is infinite; 1024 channels of 8 each are
# too many together. Every value is finite before and after, so a check for NaN and infinity finds nothing, and the
# images that become zeros are those of the strongest responses, not chance ones. numpy.linalg.norm overflows as well,
# but warns. The cosine metric of KNeighborsClassifier is right with the same array, and so is normalize after
# .astype(numpy.float32).
# Source: sklearn/preprocessing/_data.py, normalize (which takes float16 as it is); sklearn/utils/extmath.py, row_norms;
# https://github.com/numpy/numpy/issues/8775 for numpy's.
# Versions: scikit-learn 1.9.1, numpy 2.4.6.
# Seen: the lines at the end; 4000 images of 20 classes, 256 features, one of which is 250 on average.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet scikit-learn==1.9.1 numpy==2.4.6
cat >neighbours.py <<'PY'
import warnings
import numpy as np
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import Normalizer, normalize

random = np.random.default_rng(0)
centres, labels = random.normal(size=(20, 256)), random.integers(0, 20, 4000)
features = 0.5 * centres[labels] + random.normal(size=(4000, 256))
features[:, 7] += random.normal(250, 10, 4000)
half = features.astype(np.float16)
print(f"float16: all finite {np.isfinite(half).all()}, largest {half.max():.0f}")

def right(features, metric="euclidean"):
    judge = KNeighborsClassifier(20, metric=metric).fit(features[:3000], labels[:3000])
    return f"right {judge.score(features[3000:], labels[3000:]):.1f}"

for name, make in (("normalize", lambda: normalize(half)),
                   ("Normalizer", lambda: Normalizer().fit_transform(half)),
                   ("normalize of float32", lambda: normalize(half.astype(np.float32))),
                   ("by numpy.linalg.norm", lambda: half / np.linalg.norm(half, axis=1, keepdims=True))):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        unit = make()
    lengths = np.linalg.norm(unit.astype(np.float64), axis=1)
    print(f"{name}: {unit.dtype}, {(lengths == 0).mean():.1f} of the rows are zeros, {right(unit)},"
          f" finite {np.isfinite(unit).all()}, {'warned' if told else 'no warning'}")
print("not normalized, metric cosine:", right(half, "cosine"))
flat = np.full((1, 1024), 8, np.float16)
print("1024 channels of 8:", "zeros" if not normalize(flat).any() else "not zeros")
PY
OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 venv/bin/python neighbours.py | tee seen
diff - seen <<'EOT'
float16: all finite True, largest 289
normalize: float16, 0.3 of the rows are zeros, right 0.7, finite True, no warning
Normalizer: float16, 0.3 of the rows are zeros, right 0.7, finite True, no warning
normalize of float32: float32, 0.0 of the rows are zeros, right 1.0, finite True, no warning
by numpy.linalg.norm: float16, 0.3 of the rows are zeros, right 0.7, finite True, warned
not normalized, metric cosine: right 1.0
1024 channels of 8: zeros
EOT
