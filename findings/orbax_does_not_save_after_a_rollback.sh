#!/usr/bin/env bash
# Orbax: after a run has gone back to an earlier checkpoint, CheckpointManager saves nothing until it is past the last
# step of the run it has left, and a restart then goes on from that one's weights.
#
# The loss has exploded at step 100, so one restores step 60, lowers the rate and goes on in the same folder. save() at
# 70, 80, 90 and 100 returns False, which training loops do not look at, and nothing is logged. If the job ends before
# 110 (a queue, a preemption), all of it is lost, and the usual restore(latest_step()) takes up the exploded weights of
# step 100. Who looks into the folder sees checkpoints of every tenth step: they are the old run's, beside which later
# ones of the new run appear. force=True is no help where the step exists, it raises StepAlreadyExistsError. Delete the
# later steps (manager.delete) before going on, or go on in another folder. The Checkpointer of the v1 API passes over
# steps between old ones just as silently, but raises at one that exists, unless overwrite=True is given.
# Source: orbax/checkpoint/checkpoint_manager.py, should_save ("last_checkpoint_step >= step"), whose docstring has
# "depends the previous step and SaveDecisionPolicy"; that of save has False for a step that was not to be saved.
# https://github.com/google/orbax/issues/527 (closed: earlier steps are out of sequence).
# Versions: orbax-checkpoint 0.12.8, jax 0.10.2, on a CPU.
# Seen: the lines at the end; weights are positive in the first run and negative in the second.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet orbax-checkpoint==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat >back.py <<'PY'
import logging, pathlib, sys
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint import v1
logging.disable(logging.WARNING)

def manager(folder):
    options = ocp.CheckpointManagerOptions(save_interval_steps=10)
    return ocp.CheckpointManager(pathlib.Path(folder).resolve(), options=options)

def train(checkpoints, steps, sign):
    saved = [step for step in steps
             if checkpoints.save(step, args=ocp.args.StandardSave({"weight": np.full(3, sign * float(step))}))]
    checkpoints.wait_until_finished()
    return saved

for mend in (False, True):
    folder = f"mended {mend}"
    with manager(folder) as checkpoints:
        print("first run saves", *train(checkpoints, range(1, 101), 1))
    with manager(folder) as checkpoints:
        weight = checkpoints.restore(60, args=ocp.args.StandardRestore())["weight"]
        if mend:
            for step in checkpoints.all_steps():
                if step > 60:
                    checkpoints.delete(step)
        print("goes back to", weight[0], "after deleting" if mend else "as it is", "and saves",
              *train(checkpoints, range(61, 106), -1) or ["nothing"])
        if not mend:
            try:
                checkpoints.save(100, args=ocp.args.StandardSave({"weight": np.zeros(3)}), force=True)
            except ValueError as error:
                print("force=True at 100:", type(error).__name__)
    with manager(folder) as checkpoints:
        step = checkpoints.latest_step()
        print("a restart finds step", step, "and the weight",
              checkpoints.restore(step, args=ocp.args.StandardRestore())["weight"][0])
policy = v1.training.save_decision_policies.FixedIntervalPolicy(10)
with v1.training.Checkpointer(pathlib.Path("v1").resolve(), save_decision_policy=policy) as checkpoints:
    for step in range(0, 101, 20):
        checkpoints.save(step, {"weight": np.full(3, float(step))})
    saved = []
    for step in range(61, 106):
        try:
            if checkpoints.save(step, {"weight": np.full(3, -float(step))}):
                saved.append(str(step))
        except Exception as error:
            saved.append(f"{type(error).__name__} at {step}")
    print("v1, of 0, 20 ... 100, after 60:", *saved)
with manager("mended False") as checkpoints:
    print("as it is, steps 106 to 130:", *train(checkpoints, range(106, 131), -1))
    print("weights then:", *(f"{checkpoints.restore(step, args=ocp.args.StandardRestore())['weight'][0]:g}"
                             for step in checkpoints.all_steps()))
PY
JAX_PLATFORMS=cpu venv/bin/python back.py 2>log | tee seen || { cat log; exit 1; }
diff - seen <<'EOT'
first run saves 1 10 20 30 40 50 60 70 80 90 100
goes back to 60.0 as it is and saves nothing
force=True at 100: StepAlreadyExistsError
a restart finds step 100 and the weight 100.0
first run saves 1 10 20 30 40 50 60 70 80 90 100
goes back to 60.0 after deleting and saves 70 80 90 100
a restart finds step 100 and the weight -100.0
v1, of 0, 20 ... 100, after 60: StepAlreadyExistsError at 80 StepAlreadyExistsError at 100
as it is, steps 106 to 130: 110 120 130
weights then: 1 10 20 30 40 50 60 70 80 90 100 -110 -120 -130
EOT
