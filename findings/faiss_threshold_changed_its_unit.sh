#!/usr/bin/env bash
# faiss: distance_compute_blas_threshold counted queries (20) and is queries times columns now (128000). Who raised it to
# keep exact distances exact gets the opposite: with 1000 a single query of 1024 columns is computed the rough way.
#
# IndexFlatL2 computes sums of squared differences below the threshold and |q|^2 + |x|^2 - 2 q.x above, in float32, which
# loses what the norms have in common: features with a large mean get other neighbours, and near duplicates a distance
# of 0 or a wrong one. In 1.13.2 that begins at 20 queries, in 1.15.1 at 128000 / columns (125 queries of 1024),
# so results change with the version, and with the size of a batch at another place than they did. The known remedy, a
# threshold above the largest batch, was right for 1.13. Neither says a word; subtract the mean before you add and ask.
# Source: https://github.com/facebookresearch/faiss/pull/5022 (the unit), /issues/297 (the rough way);
# faiss/utils/distances.cpp.
# Versions: faiss-cpu 1.13.2 and 1.15.1, numpy 2.4.6.
# Seen: the lines at the end. Rough: some of the five nearest are not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >near.py <<'PY'
import faiss
import numpy as np
random = np.random.default_rng(0)
features = (30 + 0.1 * random.standard_normal((2000, 1024))).astype(np.float32)
queries = features[:200] + 0.05 * random.standard_normal((200, 1024)).astype(np.float32)
differences = (((features.astype(np.float64) - query) ** 2).sum(1) for query in queries.astype(np.float64))
nearest = np.array([np.argsort(row)[:5] for row in differences])

def words(count, shift=0.0):
    index = faiss.IndexFlatL2(1024)
    index.add(features - np.float32(shift))
    found = index.search(queries[:count] - np.float32(shift), 5)[1]
    return f"{count} {'exact' if (np.sort(found) == np.sort(nearest[:count])).all() else 'rough'}"

said = f"faiss {faiss.__version__}, threshold"
print(said, f"{faiss.cvar.distance_compute_blas_threshold}:", ", ".join(map(words, (10, 19, 20, 124, 125, 200))))
print(said, "as it is, mean subtracted:", words(200, 30))
faiss.cvar.distance_compute_blas_threshold = 1000
print(said, "1000:", ", ".join(map(words, (10, 200))))
PY
for version in 1.13.2 1.15.1; do
  python3 -m venv "$version"
  "$version/bin/pip" install --quiet "faiss-cpu==$version" numpy==2.4.6
  "$version/bin/python" near.py
done | tee seen
diff - seen <<'EOT'
faiss 1.13.2, threshold 20: 10 exact, 19 exact, 20 rough, 124 rough, 125 rough, 200 rough
faiss 1.13.2, threshold as it is, mean subtracted: 200 exact
faiss 1.13.2, threshold 1000: 10 exact, 200 exact
faiss 1.15.1, threshold 128000: 10 exact, 19 exact, 20 exact, 124 exact, 125 rough, 200 rough
faiss 1.15.1, threshold as it is, mean subtracted: 200 exact
faiss 1.15.1, threshold 1000: 10 rough, 200 rough
EOT
