#!/usr/bin/env bash
# wandb: `wandb sync FOLDER` passes over TensorBoard's event files with the words "No runs to sync." and code 0.
#
# Up to 0.22 the command looked for event files itself and uploaded them; tutorials and answers still say so, and
# a script that checks the code believes that everything is there. With the new sync (the only one since 0.30) the
# option --sync-tensorboard is refused by name, but without it the folder is just no run. What is left are the
# Python hooks (wandb.init(sync_tensorboard=True)), which see writers of the same process alone: files of
# another program, or of a job that has ended, need wandb 0.29 or older.
# Source: wandb/cli/cli.py, `sync`, removed options.
# Versions: wandb 0.31.0 (and 0.22.3, whose help still has the option), tensorboard 2.20.0.
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for version in 0.22.3 0.31.0; do
  python3 -m venv "wandb$version"
  "wandb$version/bin/pip" install --quiet "wandb==$version"
done
python3 -m venv board
board/bin/pip install --quiet tensorboard==2.20.0 'setuptools<81'
board/bin/python - <<'PY'
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.event_file_writer import EventFileWriter
writer = EventFileWriter("run")
for step in (1, 2, 3):
    value = summary_pb2.Summary.Value(tag="loss/train", simple_value=1 / step)
    writer.add_event(event_pb2.Event(step=step, wall_time=1.7e9 + step, summary=summary_pb2.Summary(value=[value])))
writer.close()
PY
# No account is needed: neither command comes so far as to ask for one.
sync() { env -u WANDB_API_KEY HOME="$work" "wandb0.31.0/bin/wandb" sync "$@" </dev/null 2>&1 | grep -v 'debug-cli' || true; }
code() { local status=0; env -u WANDB_API_KEY HOME="$work" "wandb0.31.0/bin/wandb" sync "$@" </dev/null >/dev/null 2>&1 || status=$?; echo "$status"; }
{
  echo "0.22.3 has the option: $(wandb0.22.3/bin/wandb sync --help | grep -c -- '--sync-tensorboard')"
  sync run
  echo "code $(code run)"
  sync --sync-tensorboard run | grep -o 'options have been removed: [^.]*'
} | tee seen
diff - seen <<'EOT'
0.22.3 has the option: 1
wandb: No runs to sync.
code 0
options have been removed: --sync-tensorboard
EOT
