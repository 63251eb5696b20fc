#!/usr/bin/env bash
# jax.random.choice with p: of 100 000 things some of weight 0 are drawn; of 12 million a fifth of those that have weight
# never is, whatever the key.
#
# Weighted or balanced sampling of images or patches, where weight 0 holds some out (a validation set, a class, broken
# files): they leak into training. The weights are added up in float32, in pieces, and from one thing to the next the
# sum may grow without a weight, or fall. It is then looked up by a number that has 2^23 values, so at most 8.4 million
# things can come out at all, the same ones by every key. Nothing leaks where those held out are one block at the
# end, or of 10 000 things, so a trial sees nothing. The page warns of replace=False alone, which goes another way and is
# right. jax_enable_x64 with weights in float64 is right, as is numpy.random.Generator.choice.
# Source: jax/_src/random/core.py, choice (cumsum, uniform, searchsorted); https://github.com/jax-ml/jax/issues/25498
# (weights of 0, among millions), /pull/26974 (2^23 values).
# Versions: jax 0.10.2, numpy 2.4.6, on a CPU.
# Seen: the lines at the end; two keys, each with as many draws as there are things.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat >choice.py <<'PY'
import jax
import jax.numpy as jnp
import numpy as np

def words(name, allowed, dtype, replace=True):
    count = len(allowed)
    weights = jnp.asarray(allowed / allowed.sum(), dtype)
    seen = np.zeros(count, bool)
    for seed in (0, 1):
        draws = count if replace else count // 2
        seen[np.asarray(jax.random.choice(jax.random.key(seed), count, (draws,), replace, weights))] = True
    expected = 1 - np.exp(-2 * count / allowed.sum()) if replace else 1 - (1 - count // 2 / allowed.sum()) ** 2
    print(f"{count}, {name}: {seen[allowed].mean():.1f} of those with weight drawn, expected {expected:.1f};",
          "some" if seen[~allowed].any() else "none", "of weight 0", flush=True)

sums = np.asarray(jnp.cumsum(jnp.asarray(np.arange(100_000) % 10 > 0, jnp.float32) / 90_000))
print("100000, sums of weights that fall:", "some" if (np.diff(sums) < 0).any() else "none")
for count in (10_000, 100_000, 1_281_167, 12_000_000):
    words("a tenth has weight 0", np.arange(count) % 10 > 0, jnp.float32)
words("a tenth has weight 0, at the end", np.arange(100_000) < 90_000, jnp.float32)
words("a tenth has weight 0, replace=False", np.arange(100_000) % 10 > 0, jnp.float32, False)
with jax.enable_x64(True):
    for count in (100_000, 12_000_000):
        words("a tenth has weight 0, x64", np.arange(count) % 10 > 0, jnp.float64)
allowed = np.arange(1_281_167) % 10 > 0
drawn = np.random.default_rng(0).choice(len(allowed), len(allowed), p=allowed / allowed.sum())
print(f"1281167, numpy: {'none' if allowed[drawn].all() else 'some'} of weight 0")
PY
venv/bin/python choice.py | tee seen
diff - seen <<'EOT'
100000, sums of weights that fall: some
10000, a tenth has weight 0: 0.9 of those with weight drawn, expected 0.9; none of weight 0
100000, a tenth has weight 0: 0.9 of those with weight drawn, expected 0.9; some of weight 0
1281167, a tenth has weight 0: 0.9 of those with weight drawn, expected 0.9; some of weight 0
12000000, a tenth has weight 0: 0.7 of those with weight drawn, expected 0.9; some of weight 0
100000, a tenth has weight 0, at the end: 0.9 of those with weight drawn, expected 0.9; none of weight 0
100000, a tenth has weight 0, replace=False: 0.8 of those with weight drawn, expected 0.8; none of weight 0
100000, a tenth has weight 0, x64: 0.9 of those with weight drawn, expected 0.9; none of weight 0
12000000, a tenth has weight 0, x64: 0.9 of those with weight drawn, expected 0.9; none of weight 0
1281167, numpy: none of weight 0
EOT
