#!/usr/bin/env bash
# scikit-learn: since 1.4 LogisticRegression stops much earlier at the same tol. A linear probe on small features is not
# fitted at all, on features of length 1 its C means less the larger it is, and no warning comes.
#
# lbfgs stops when no part of the gradient is above tol = 1e-4. Up to 1.3 that was the gradient of a sum over the
# images, since 1.4 it is that of the mean, as many times as lenient as there are images. Features of length 1 have
# entries of 0.03, with gradients to match: of C = 10000 the fit ends after some ten iterations instead of some hundred,
# and is that of a smaller C, so a sweep over C looks flat at its end and a paper's probe comes out otherwise.
# Features of a hundredth of that (an encoder with a small last layer, a unit of one's own) stop where they
# started, at chance, as if the encoder had learnt nothing. ConvergenceWarning is about max_iter alone. tol=1e-8 gives
# the minimum in both; StandardScaler before the probe helps, too.
# Source: sklearn/linear_model/_logistic.py, _logistic_regression_path (sw_sum, l2_reg_strength);
# https://github.com/scikit-learn/scikit-learn/pull/26721.
# Versions: scikit-learn 1.3.2 and 1.9.1, numpy 1.26.4.
# Seen: the lines at the end; 4000 images of 20 classes, 128 features of length 1 (or a hundredth of that).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >probe.py <<'PY'
import warnings
import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression

random = np.random.default_rng(0)
centres, labels = random.normal(size=(20, 128)), random.integers(0, 20, 8000)
features = 0.35 * centres[labels] + random.normal(size=(8000, 128)) + 3 * random.normal(size=(1, 128))
features /= np.linalg.norm(features, axis=1, keepdims=True)
train, test = slice(4000), slice(4000, 8000)
for scale, penalties in ((1, (1, 100, 10_000)), (0.01, (10_000, 1_000_000))):
    for tol in (1e-4, 1e-8):
        words = []
        for penalty in penalties:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                probe = LogisticRegression(C=penalty, tol=tol, max_iter=10_000).fit(scale * features[train], labels[train])
            loss = -probe.predict_log_proba(scale * features[train])[np.arange(4000), labels[train]].mean()
            words.append(f"C {penalty}: loss {loss:.2f},"
                         f" right {probe.score(scale * features[test], labels[test]):.1f}"
                         + ", warned" * any("onverge" in str(one.message) for one in told))
        print(f"{sklearn.__version__}, length {scale}, tol {tol:g}:", "; ".join(words))
PY
for version in 1.3.2 1.9.1; do
  python3 -m venv "$version"
  "$version/bin/pip" install --quiet "scikit-learn==$version" numpy==1.26.4
  OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 "$version/bin/python" probe.py
done | tee seen
diff - seen <<'EOT'
1.3.2, length 1, tol 0.0001: C 1: loss 1.61, right 0.9; C 100: loss 0.11, right 0.9; C 10000: loss 0.00, right 0.9
1.3.2, length 1, tol 1e-08: C 1: loss 1.61, right 0.9; C 100: loss 0.11, right 0.9; C 10000: loss 0.00, right 0.9
1.3.2, length 0.01, tol 0.0001: C 10000: loss 1.61, right 0.9; C 1000000: loss 0.11, right 0.9
1.3.2, length 0.01, tol 1e-08: C 10000: loss 1.61, right 0.9; C 1000000: loss 0.11, right 0.9
1.9.1, length 1, tol 0.0001: C 1: loss 1.61, right 0.9; C 100: loss 0.11, right 0.9; C 10000: loss 0.02, right 0.9
1.9.1, length 1, tol 1e-08: C 1: loss 1.61, right 0.9; C 100: loss 0.11, right 0.9; C 10000: loss 0.00, right 0.9
1.9.1, length 0.01, tol 0.0001: C 10000: loss 2.99, right 0.1; C 1000000: loss 2.99, right 0.1
1.9.1, length 0.01, tol 1e-08: C 10000: loss 1.61, right 0.9; C 1000000: loss 0.11, right 0.9
EOT
