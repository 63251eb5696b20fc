#!/usr/bin/env bash
# scikit-learn: from ten rows a column on, PCA forms the covariance of float32 data without centring them, so where the
# mean is large beside the spread, directions and variances are noise. One row less, and all is right.
#
# Features with a common offset, pixels of 16 bits, temperatures in kelvin: up to 1000 columns and at least ten times as
# many rows, the default solver subtracts n * mean * mean' from X' * X, both in float32. With a mean of 300 beside
# spreads of 0.2 to 3 variances of the last components are 0, which whitening divides by; with 1000 the first component points elsewhere. A
# trial on few rows takes another solver and shows nothing, and nothing is said. The page of the class has "covariance
# matrix (on centered data)". Subtract the mean first, hand in float64 or ask for svd_solver="full".
# Source: sklearn/decomposition/_pca.py, _fit_full ("without centering the data X first"), since 1.5.
# Versions: scikit-learn 1.9.1, numpy 2.4.6.
# Seen: the lines at the end; the truth is by numpy in float64.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet scikit-learn==1.9.1 numpy==2.4.6
cat >components.py <<'PY'
import numpy as np
from sklearn.decomposition import PCA
random = np.random.default_rng(0)
spread = np.linspace(1, 0.2, 64)
spread[0] = 3

def words(model, rows):
    wide = rows.astype(np.float64) - rows.mean(0, dtype=np.float64)
    first = np.linalg.eigh(wide.T @ wide)[1][:, -1]
    along = abs(model.components_[0] @ first) > 0.99
    return (f"{model._fit_svd_solver}, first component {'right' if along else 'wrong'}, "
            f"{'some' if (model.explained_variance_ == 0).any() else 'no'} variances 0")

for offset in (0, 300, 1000):
    every = (random.standard_normal((640, 64)) * spread + offset).astype(np.float32)
    for count in (639, 640):
        print(f"mean {offset}, {count} rows of 64:", words(PCA().fit(every[:count]), every[:count]))
print("mean 1000, centred first:", words(PCA().fit(every - every.mean(0, dtype=np.float64).astype(np.float32)), every))
print("mean 1000, float64:", words(PCA().fit(every.astype(np.float64)), every))
PY
venv/bin/python components.py | tee seen
diff - seen <<'EOT'
mean 0, 639 rows of 64: full, first component right, no variances 0
mean 0, 640 rows of 64: covariance_eigh, first component right, no variances 0
mean 300, 639 rows of 64: full, first component right, no variances 0
mean 300, 640 rows of 64: covariance_eigh, first component right, some variances 0
mean 1000, 639 rows of 64: full, first component right, no variances 0
mean 1000, 640 rows of 64: covariance_eigh, first component wrong, some variances 0
mean 1000, centred first: covariance_eigh, first component right, no variances 0
mean 1000, float64: covariance_eigh, first component right, no variances 0
EOT
