#!/usr/bin/env bash
# torch on a CPU and JAX: of a seed of 64 bits the upper half is dropped, so that seeds like (rank << 32) + step draw one
# and the same stream on every rank.
#
# Both document 64 bits and take them without a word; torch's initial_seed() even gives the whole seed back. Crops, masks
# or shuffles of all ranks (epochs, images: whatever is in the upper half) are then the same, and the run just has less
# variety than it thinks. torch's generator on a CPU fills its first word with 32 bits of the seed; the one on CUDA keeps
# both halves, so a script that was right there loses its ranks on a CPU, where DataLoader workers draw. JAX cuts
# to 32 bits as long as jax_enable_x64 is off, which it is. NumPy's default_rng uses every bit, and numpy.random.seed,
# which once cut, refuses. Python's random does, too, but its seeds a and ((a - 1) << 32) + a are one. Put the parts
# into numpy.random.SeedSequence and draw 32 bits from it, or fold_in twice in JAX.
# Source: torch/include/ATen/core/MT19937RNGEngine.h, init_with_uint32, and PhiloxRNGEngine.h, reset_state;
# torch.manual_seed has "inclusive range [-0x8000_0000_0000_0000, 0xffff_ffff_ffff_ffff]". jax/_src/random/prng.py,
# random_seed; jax.random.key has "a 64- or 32-bit integer". https://github.com/numpy/numpy/pull/4676. CPython,
# Modules/_randommodule.c, init_by_array (adds each word of the seed and its number).
# Versions: torch 2.15.0, jax 0.10.2, numpy 2.4.6.
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat >seeds.py <<'PY'
import random
import jax
import numpy as np
import torch

seeds = [(rank << 32) + step for rank in range(8) for step in range(50)]

def by_torch(seed):
    return tuple(torch.randperm(1000, generator=torch.Generator().manual_seed(seed))[:4].tolist())

def by_the_global_one(seed):
    torch.manual_seed(seed)
    assert torch.initial_seed() == seed
    return tuple(torch.randint(1 << 30, (4,)).tolist())

def by_jax(key):
    return tuple(jax.random.bits(key, (4,)).tolist())

def by_folding(seed):
    return by_jax(jax.random.fold_in(jax.random.fold_in(jax.random.key(0), seed >> 32), seed & 0xffffffff))

def by_sequence(seed):
    return by_torch(int(np.random.SeedSequence([seed >> 32, seed & 0xffffffff]).generate_state(1)[0]))

ways = {
    "torch.Generator().manual_seed": by_torch,
    "torch.manual_seed": by_the_global_one,
    "jax.random.key": lambda seed: by_jax(jax.random.key(seed)),
    "jax.random.PRNGKey": lambda seed: by_jax(jax.random.PRNGKey(seed)),
    "numpy.random.default_rng": lambda seed: tuple(np.random.default_rng(seed).integers(1 << 30, size=4).tolist()),
    "random.Random": lambda seed: random.Random(seed).random(),
    "torch, by SeedSequence": by_sequence,
    "JAX, by fold_in": by_folding,
}
print(f"{len(seeds)} seeds of 8 ranks and 50 steps; streams that differ:")
for name, way in ways.items():
    print(f"{name}: {len({way(seed) for seed in seeds})}")
with jax.enable_x64(True):
    print("jax.random.key with jax_enable_x64:", len({by_jax(jax.random.key(seed)) for seed in seeds}))
same = [random.Random(a).getstate() == random.Random(((a - 1) << 32) + a).getstate() for a in (2, 3, 1000, 123456)]
print("random.Random(a) and random.Random(((a - 1) << 32) + a):", "one stream" if all(same) else "two")
try:
    np.random.seed(seeds[-1])
    print("numpy.random.seed takes it")
except ValueError as error:
    print("numpy.random.seed:", error)
PY
venv/bin/python seeds.py 2>/dev/null | tee seen
diff - seen <<'EOT'
400 seeds of 8 ranks and 50 steps; streams that differ:
torch.Generator().manual_seed: 50
torch.manual_seed: 50
jax.random.key: 50
jax.random.PRNGKey: 50
numpy.random.default_rng: 400
random.Random: 393
torch, by SeedSequence: 400
JAX, by fold_in: 400
jax.random.key with jax_enable_x64: 400
random.Random(a) and random.Random(((a - 1) << 32) + a): one stream
numpy.random.seed: Seed must be between 0 and 2**32 - 1
EOT
