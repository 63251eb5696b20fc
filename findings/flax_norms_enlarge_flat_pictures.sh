#!/usr/bin/env bash
# Flax's LayerNorm, GroupNorm and BatchNorm and jax.nn.standardize: what is flat beside its mean comes out some hundred
# times too large instead of with a deviation of 1, finite and without a word.
#
# The variance is mean(x^2) - mean(x)^2 in float32, of which nothing but rounding is left where the mean is some
# thousand times the deviation, and one below 0 is set to 0, so the result is divided by the root of epsilon, 0.001.
# Depths of a wall in millimetres, counts of 16 bits, an empty picture with a little noise that is standardised by
# itself: one such sample is a gradient that no other one of the batch stands up to. From 1000 on
# it begins, by the number of values that a mean is over; at 100 nothing shows. The careful ways are not the defaults:
# use_fast_variance=False in Flax, algorithm="stable" in standardize; or subtract a mean before.
# Source: flax/linen/normalization.py, _compute_stats (use_fast_variance=True, "less numerically stable"); jax/_src/nn/
# functions.py, standardize (algorithm="fast" is the default, though its page has x.var for the variance).
# https://github.com/google/flax/issues/1491 (open: NaN, which the 0 is to prevent).
# Versions: flax 0.12.8, jax 0.10.2, on a CPU.
# Seen: the lines at the end; the deviation of the result, for noise of 1 about an offset.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat >norm.py <<'PY'
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

def normed(make):
    def apply(x):
        layer = make()
        return layer.apply(layer.init(jax.random.key(0), x), x, mutable=["batch_stats"])[0]
    return apply

careful = {"use_fast_variance": False}
ways = {"LayerNorm": normed(nn.LayerNorm), "LayerNorm, careful": normed(lambda: nn.LayerNorm(**careful)),
        "GroupNorm": normed(lambda: nn.GroupNorm(8)), "GroupNorm, careful": normed(lambda: nn.GroupNorm(8, **careful)),
        "BatchNorm": normed(lambda: nn.BatchNorm(use_running_average=False)),
        "BatchNorm, careful": normed(lambda: nn.BatchNorm(use_running_average=False, **careful)),
        "nnx.LayerNorm": lambda x: nnx.LayerNorm(64, rngs=nnx.Rngs(0))(x),
        "jax.nn.standardize by sample": lambda x: jax.nn.standardize(x, axis=(1, 2, 3)),
        "jax.nn.standardize, careful": lambda x: jax.nn.standardize(x, axis=(1, 2, 3), algorithm="stable"),
        "jax.nn.standardize of x - mean": lambda x: jax.nn.standardize(x - x.mean((1, 2, 3), keepdims=True), axis=(1, 2, 3))}
offsets = (0, 100, 10_000, 30_000)
random = np.random.default_rng(0)
inputs = [jnp.asarray(random.normal(offset, 1, (32, 16, 16, 64)), jnp.float32) for offset in offsets]
print("offsets", *offsets)
for name, way in ways.items():
    deviations = [np.asarray(way(x), np.float64).std() for x in inputs]
    print(f"{name}:", *("1.0" if abs(deviation - 1) < 0.05 else "over 100" if deviation > 100 else f"{deviation:.1f}"
                        for deviation in deviations))
PY
JAX_PLATFORMS=cpu venv/bin/python norm.py | tee seen
diff - seen <<'EOT'
offsets 0 100 10000 30000
LayerNorm: 1.0 1.0 over 100 over 100
LayerNorm, careful: 1.0 1.0 1.0 1.0
GroupNorm: 1.0 1.0 over 100 over 100
GroupNorm, careful: 1.0 1.0 1.0 1.0
BatchNorm: 1.0 1.0 over 100 over 100
BatchNorm, careful: 1.0 1.0 1.0 1.0
nnx.LayerNorm: 1.0 1.0 over 100 over 100
jax.nn.standardize by sample: 1.0 1.0 over 100 over 100
jax.nn.standardize, careful: 1.0 1.0 1.0 1.0
jax.nn.standardize of x - mean: 1.0 1.0 1.0 1.0
EOT
