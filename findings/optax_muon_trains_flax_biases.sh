#!/usr/bin/env bash
# optax.contrib.muon on Flax's attention: the matrices of query, key, value and output go to Adam at Muon's rate, the
# biases of query, key and value to Muon. It should be the other way round.
#
# "2D" is counted in axes of the array. Flax keeps heads as an axis of their own, so a kernel is (384, 6, 64) and its
# bias (6, 64), in linen and in nnx. A third of each block's weights, and the patches' convolution, take Adam's steps of
# 0.02 to 0.03 a number, where Muon's are 0.001 in the same block; of weights that begin at 0.05 nothing is left after a
# few steps. A comparison "Muon against AdamW" compares a mixture whose parts differ 30 times in their steps. Nothing is
# said. consistent_rms=0.2 leaves 7 times, and the parts as they are. muon_weight_dimension_numbers mends it with a tree
# that names the axes of each; adam_learning_rate alone tames the rest.
# Source: optax/contrib/_muon.py, muon ('muon' if x.ndim == 2 else 'adam'); the docstring has "2D parameters, i.e.
# matrices" and that others go to AdamW, by the same rate. flax/nnx/nn/attention.py, LinearGeneral to (num_heads,
# head_dim).
# Versions: optax 0.2.8, flax 0.12.8, jax 0.10.2, on a CPU.
# Seen: the lines at the end; one step at rate 0.02 on gradients that are random numbers, a block of a ViT-S. "Size" is
# the root mean square of the step.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet optax==0.2.8 flax==0.12.8 jax==0.10.2 jaxlib==0.10.2
cat >block.py <<'PY'
import jax, optax
import jax.numpy as jnp
import flax.linen as linen
from flax import nnx
from optax.contrib import MuonDimensionNumbers, muon

class Linen(linen.Module):
    @linen.compact
    def __call__(self, images):
        x = linen.Conv(384, (16, 16), (16, 16), name="patches")(images).reshape(1, -1, 384)
        x = linen.MultiHeadDotProductAttention(num_heads=6, name="attention")(x, x)
        return linen.Dense(384, name="mlp2")(linen.gelu(linen.Dense(1536, name="mlp1")(x)))

class Nnx(nnx.Module):
    def __init__(self, rngs):
        self.patches = nnx.Conv(3, 384, (16, 16), strides=16, rngs=rngs)
        self.attention = nnx.MultiHeadAttention(num_heads=6, in_features=384, decode=False, rngs=rngs)
        self.mlp1 = nnx.Linear(384, 1536, rngs=rngs)
        self.mlp2 = nnx.Linear(1536, 384, rngs=rngs)

def axes(params):
    def choose(path, x):
        name = jax.tree_util.keystr(path)
        if "kernel" not in name or "patches" in name:
            return None
        inputs = 2 if "out" in name else 1
        return MuonDimensionNumbers(tuple(range(inputs)), tuple(range(inputs, x.ndim)))
    return jax.tree_util.tree_map_with_path(choose, params)

def show(title, params, **more):
    optimizer = muon(0.02, **more)
    state = optimizer.init(params)
    by_muon = {jax.tree_util.keystr(path).partition(".mu")[2] for path, _ in
               jax.tree_util.tree_leaves_with_path(state.inner_states["muon"])}
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(0), len(leaves))
    grads = tree.unflatten([jax.random.normal(key, leaf.shape) for key, leaf in zip(keys, leaves)])
    change, _ = optimizer.update(grads, state, params)
    weights = [(jax.tree_util.keystr(path), x) for path, x in jax.tree_util.tree_leaves_with_path(change)]
    inner = [x.size for name, x in weights if "kernel" in name and "patches" not in name]
    part = sum(x.size for name, x in weights if "kernel" in name and "patches" not in name and name not in by_muon)
    print(f"{title}: of the block's matrices Adam has {part / sum(inner):.0%}")
    for name, x in weights:
        if any(part in name for part in ("'query']", "'out']['kernel", "mlp1']['kernel", "patches']['kernel")):
            words = name.replace(".value", "").replace("']['", " ").strip("[]'")
            print(f"  {words} {x.shape}: {'Muon' if name in by_muon else 'Adam'}, size {jnp.sqrt((x * x).mean()):.4f}")

params = Linen().init(jax.random.key(0), jnp.zeros((1, 32, 32, 3)))["params"]
show("linen", params)
show("nnx", nnx.state(Nnx(nnx.Rngs(0)), nnx.Param))
show("linen, consistent_rms=0.2", params, consistent_rms=0.2)
show("linen, axes named", params, muon_weight_dimension_numbers=axes)
PY
JAX_PLATFORMS=cpu venv/bin/python block.py | tee seen
diff - seen <<'EOT'
linen: of the block's matrices Adam has 33%
  attention out kernel (6, 64, 384): Adam, size 0.0295
  attention query bias (6, 64): Muon, size 0.0083
  attention query kernel (384, 6, 64): Adam, size 0.0295
  mlp1 kernel (384, 1536): Muon, size 0.0010
  patches kernel (16, 16, 3, 384): Adam, size 0.0295
nnx: of the block's matrices Adam has 33%
  attention out kernel (6, 64, 384): Adam, size 0.0295
  attention query bias (6, 64): Muon, size 0.0083
  attention query kernel (384, 6, 64): Adam, size 0.0295
  mlp1 kernel (384, 1536): Muon, size 0.0010
  patches kernel (16, 16, 3, 384): Adam, size 0.0295
linen, consistent_rms=0.2: of the block's matrices Adam has 33%
  attention out kernel (6, 64, 384): Adam, size 0.0295
  attention query bias (6, 64): Muon, size 0.0041
  attention query kernel (384, 6, 64): Adam, size 0.0295
  mlp1 kernel (384, 1536): Muon, size 0.0039
  patches kernel (16, 16, 3, 384): Adam, size 0.0295
linen, axes named: of the block's matrices Adam has 0%
  attention out kernel (6, 64, 384): Muon, size 0.0009
  attention query bias (6, 64): Adam, size 0.0295
  attention query kernel (384, 6, 64): Muon, size 0.0009
  mlp1 kernel (384, 1536): Muon, size 0.0010
  patches kernel (16, 16, 3, 384): Adam, size 0.0295
EOT
