#!/usr/bin/env bash
# torch and optax: the second moments of Adam for bfloat16 parameters can grow and not fall. After one large gradient a
# weight learns at a third of its rate for the rest of the run.
#
# Moments have the parameters' type, in which two neighbours are 0.4 to 0.8 % apart. b2 = 0.999 asks for 0.1 % less a
# step, which rounds back to what was there, so nothing is forgotten, and a squared gradient counts only if it is more
# than twice to four times the moment. One batch whose gradients are 100 times as large as usual (the first ones, a
# broken image, a spike of the loss) leaves steps of 0.32 of their size for good, where float32 has all of it back after
# some thousand steps. The loss is finite and falls, slowly. 0.99 forgets a part and stops, 0.95 is nearly right. That
# weights stand still in bfloat16 is well known; sums of weights in float32 do not touch this, nor does optax's
# mu_dtype=float32, which is for the first moment alone. fused and foreach are the same. Parameters in float32 under
# autocast, or param_dtype=float32 beside dtype=bfloat16 in Flax, are right.
# Source: torch/optim/adam.py, _single_tensor_adam (exp_avg_sq.mul_(beta2), zeros_like(param)); optax/_src/transform.py,
# scale_by_adam, whose mu_dtype is "for the first order accumulator", nu having the parameters' type.
# Versions: torch 2.15.0, optax 0.2.8, jax 0.10.2, on a CPU.
# Seen: the lines at the end: the size of a step, in shares of the rate, a number of steps after one gradient of 1 among
# those of 0.01; it should be 1.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat >spike.py <<'PY'
import jax
import jax.numpy as jnp
import optax
import torch

times = (100, 1000, 5000)

def gradients(steps):
    return [1.0 if step == 100 else 0.01 for step in range(steps)]

def words(moments):
    return " ".join(f"{0.01 / moment ** 0.5:.2f}" for moment in moments)

def torchs(dtype, b2, **options):
    weight = torch.nn.Parameter(torch.ones(4, dtype=dtype))
    optimizer = torch.optim.AdamW([weight], lr=0.0, betas=(0.9, b2), weight_decay=0, **options)
    moments = []
    for step, gradient in enumerate(gradients(101 + times[-1])):
        weight.grad = torch.full_like(weight, gradient)
        optimizer.step()
        if step - 100 in times:
            moments.append(optimizer.state[weight]["exp_avg_sq"][0].item())
    return moments

def optaxs(dtype, b2):
    optimizer = optax.adamw(0.0, b2=b2, mu_dtype=jnp.float32)
    weight = jnp.ones(4, dtype)
    state, update, moments = optimizer.init(weight), jax.jit(optimizer.update), []
    for step, gradient in enumerate(gradients(101 + times[-1])):
        _, state = update(jnp.full(4, gradient, dtype), state, weight)
        if step - 100 in times:
            moments.append(float(state[0].nu[0]))
    return moments

print("steps after the spike:", *times)
for b2 in (0.999, 0.99, 0.95):
    print(f"b2 {b2}, torch float32:", words(torchs(torch.float32, b2)))
    print(f"b2 {b2}, torch bfloat16:", words(torchs(torch.bfloat16, b2)))
    print(f"b2 {b2}, optax float32:", words(optaxs(jnp.float32, b2)))
    print(f"b2 {b2}, optax bfloat16:", words(optaxs(jnp.bfloat16, b2)))
for options in ({"fused": True}, {"foreach": True}):
    print("b2 0.999, torch bfloat16", *options, words(torchs(torch.bfloat16, 0.999, **options)))
PY
venv/bin/python spike.py | tee seen
diff - seen <<'EOT'
steps after the spike: 100 1000 5000
b2 0.999, torch float32: 0.33 0.48 0.97
b2 0.999, torch bfloat16: 0.32 0.32 0.32
b2 0.999, optax float32: 0.33 0.48 0.97
b2 0.999, optax bfloat16: 0.32 0.32 0.32
b2 0.99, torch float32: 0.16 1.00 1.00
b2 0.99, torch bfloat16: 0.16 0.59 0.59
b2 0.99, optax float32: 0.16 1.00 1.00
b2 0.99, optax bfloat16: 0.18 0.90 0.90
b2 0.95, torch float32: 0.50 1.00 1.00
b2 0.95, torch bfloat16: 0.51 0.96 0.96
b2 0.95, optax float32: 0.50 1.00 1.00
b2 0.95, optax bfloat16: 0.52 0.96 0.96
b2 0.999, torch bfloat16 fused 0.32 0.32 0.32
b2 0.999, torch bfloat16 foreach 0.32 0.32 0.32
EOT
