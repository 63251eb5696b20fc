#!/usr/bin/env bash
# accelerate: a run that goes on from save_state in the middle of an epoch reads a quarter of the images twice and
# another quarter not at all, and repeats orders that it has had, with skip_first_batches and with
# use_stateful_dataloader=True.
#
# Of a shuffled loader it is saved how many batches it gave, not the epoch, and with several processes not the order. So
# the second run skips as many batches of the first epoch's order as the first run had read of another, and what follows
# comes in orders of epochs before. A run on a queue that is cut every few hours reads the same images again and again;
# loss, steps and numbers of batches look right. use_seedable_sampler=True alone does not help. Right is
# loader.set_epoch(epoch) in both runs and that sampler; set_epoch without it is not.
# Source: https://github.com/huggingface/accelerate/issues/4195 and /issues/3996 (open); docs/source/usage_guides/
# checkpoint.md has load_state, skip_first_batches and then "go back to `train_dataloader`", without set_epoch.
# Versions: accelerate 1.15.0, torchdata 0.11.0, torch 2.15.0, on a CPU.
# Seen: the lines at the end; 64 images, the first run stops halfway through its second epoch, which is number 1.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 accelerate==1.15.0 torchdata==0.11.0 numpy
cat >run.py <<'PY'
import json, os, sys
from accelerate import Accelerator
from accelerate.data_loader import skip_first_batches
from accelerate.utils import DataLoaderConfiguration, set_seed
from torch.utils.data import DataLoader

def run(part, kind):
    set_seed(1)
    how = DataLoaderConfiguration(use_stateful_dataloader="stateful" in kind, use_seedable_sampler="seedable" in kind)
    accelerator = Accelerator(cpu=True, dataloader_config=how)
    loader = accelerator.prepare(DataLoader(range(64), batch_size=4, shuffle=True))
    half, seen = len(loader) // 2, {}
    if part == "resumed":
        accelerator.load_state(f"saved {kind} {os.environ['WORLD_SIZE']}")
    for epoch in {"whole": range(4), "first": range(2), "resumed": range(1, 4)}[part]:
        if "set_epoch" in kind:
            loader.set_epoch(epoch)
        skip = part == "resumed" and epoch == 1 and "stateful" not in kind
        seen[epoch] = []
        for step, batch in enumerate(skip_first_batches(loader, half) if skip else loader):
            seen[epoch] += batch.tolist()
            if part == "first" and epoch == 1 and step + 1 == half:
                accelerator.save_state(f"saved {kind} {os.environ['WORLD_SIZE']}")
                break
    return seen

part, *kinds = sys.argv[1:]
for kind in kinds:
    seen = run(part, kind)
    json.dump(seen, open(f"{part} {kind} {os.environ['WORLD_SIZE']} {os.environ['RANK']}", "w"))
PY
cat >show.py <<'PY'
import json, sys
processes, *kinds = sys.argv[1:]
for kind in kinds:
    whole, first, resumed = ([json.load(open(f"{part} {kind} {processes} {rank}")) for rank in range(int(processes))]
                             for part in ("whole", "first", "resumed"))
    read = [image for run in (first, resumed) for rank in run for image in rank["1"]]
    later = [next((k for k in "0123" if all(a[epoch] == b[k] for a, b in zip(resumed, whole))), "another")
             for epoch in "23"]
    twice, never = len(read) - len(set(read)), 64 - len(set(read))
    print(f"processes: {processes}, {kind}: {twice} of 64 images twice, {never} never; then orders of epochs", *later)
PY
for processes in 2 1; do
  kinds=(skip stateful "stateful set_epoch" "skip seedable" "stateful seedable" "skip seedable set_epoch"
         "stateful seedable set_epoch")
  for part in whole first resumed; do
    venv/bin/python -m torch.distributed.run --standalone --nproc_per_node="$processes" \
      run.py "$part" "${kinds[@]}" 2>log || { cat log; exit 1; }
  done
  venv/bin/python show.py "$processes" "${kinds[@]}"
done | tee seen
diff - seen <<'EOT'
processes: 2, skip: 15 of 64 images twice, 15 never; then orders of epochs 1 2
processes: 2, stateful: 15 of 64 images twice, 15 never; then orders of epochs 1 2
processes: 2, stateful set_epoch: 15 of 64 images twice, 15 never; then orders of epochs 1 2
processes: 2, skip seedable: 18 of 64 images twice, 18 never; then orders of epochs 0 1
processes: 2, stateful seedable: 18 of 64 images twice, 18 never; then orders of epochs 1 2
processes: 2, skip seedable set_epoch: 0 of 64 images twice, 0 never; then orders of epochs 2 3
processes: 2, stateful seedable set_epoch: 0 of 64 images twice, 0 never; then orders of epochs 2 3
processes: 1, skip: 16 of 64 images twice, 16 never; then orders of epochs 3 another
processes: 1, stateful: 16 of 64 images twice, 16 never; then orders of epochs 3 another
processes: 1, stateful set_epoch: 16 of 64 images twice, 16 never; then orders of epochs 3 another
processes: 1, skip seedable: 18 of 64 images twice, 18 never; then orders of epochs 0 1
processes: 1, stateful seedable: 18 of 64 images twice, 18 never; then orders of epochs 1 2
processes: 1, skip seedable set_epoch: 0 of 64 images twice, 0 never; then orders of epochs 2 3
processes: 1, stateful seedable set_epoch: 0 of 64 images twice, 0 never; then orders of epochs 2 3
EOT
