#!/usr/bin/env bash
# TensorBoard: of a curve whose steps go back, its three readers show different points. The fast one, which the browser
# has by default, drops everything from the step that came again; load_fast=false and EventAccumulator keep all.
#
# A run that was cut off at step 5 and goes on from the checkpoint of step 3 has a clean curve in the browser; a script
# that reads the same files by EventAccumulator, as most do that make tables, gets steps 4 and 5 twice, old and new.
# The other way round, checkpoints that are judged by jobs of their own end in any order: 300 first, then 100
# and 200. The browser then shows no 300, for good; the script has all three. Give each such job a run or a name.
# A START event at the step of the resumption, as torch's SummaryWriter(purge_step=4) writes it, satisfies
# EventAccumulator; load_fast=false takes the first START of a run for its beginning, so that the first resumption
# stays double unless the first session wrote START, too. What writes it in every session is read alike by all three.
# Source: tensorboard/data/server/reservoir.rs ("Preemption"); _CheckForRestartAndMaybePurge in event_accumulator.py and
# plugin_event_accumulator.py (backend/event_processing). No page for users has it.
# Versions: tensorboard 2.20.0, tensorboard-data-server 0.7.2.
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet tensorboard==2.20.0 tensorboard-data-server==0.7.2 'setuptools<81'
cat >board.py <<'PY'
import json, subprocess, sys, time, urllib.request
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.event_file_writer import EventFileWriter

def write(run, number, steps, start=False):
    """One file of a run; the names of files, which order them, begin with the second."""
    writer = EventFileWriter(f"logs/{run}", filename_suffix=f".{number}")
    if start:
        session = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        writer.add_event(event_pb2.Event(step=steps[0], wall_time=1.7e9 + number, session_log=session))
    for step in steps:
        value = summary_pb2.Summary.Value(tag="loss", simple_value=number)
        event = event_pb2.Event(step=step, wall_time=1.7e9 + number, summary=summary_pb2.Summary(value=[value]))
        writer.add_event(event)
    writer.close()

RESUMED = [(1, 2, 3, 4, 5), (4, 5, 6)]
RUNS = {"resumed": RESUMED, "resumed with START": RESUMED, "START in both": RESUMED,
        "judged in any order": [(300,), (100,), (200,)]}
for number in range(3):
    for run, parts in RUNS.items():
        if number < len(parts):
            write(run, number, parts[number], start="both" in run or number > 0 and "START" in run)
    time.sleep(1.1)

def served(fast):
    """Steps of all runs, as the browser gets them."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir=logs", f"--load_fast={fast}", "--port=0",
               "--host=127.0.0.1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            address = next(line.split(" at ")[1].split()[0] for line in server.stderr if " at http" in line)
            steps, before = {}, None
            while len(steps) < len(RUNS) or steps != before:
                time.sleep(3)
                before, steps = steps, {}
                for run in json.load(urllib.request.urlopen(f"{address}data/runs")):
                    query = f"data/plugin/scalars/scalars?run={run.replace(' ', '%20')}&tag=loss"
                    steps[run] = [step for _, step, _ in json.load(urllib.request.urlopen(address + query))]
            return steps
        finally:
            server.terminate()

fast, slow = served("true"), served("false")
for run, parts in RUNS.items():
    accumulator = EventAccumulator(f"logs/{run}")
    accumulator.Reload()
    print(f"{run}: written {' | '.join(' '.join(map(str, p)) for p in parts)}")
    for name, steps in (("load_fast", fast[run]), ("load_fast=false", slow[run]),
                        ("EventAccumulator", [event.step for event in accumulator.Scalars("loss")])):
        print(f"  {name}:", *steps)
PY
venv/bin/python board.py 2>/dev/null | tee seen
diff - seen <<'EOT'
resumed: written 1 2 3 4 5 | 4 5 6
  load_fast: 1 2 3 4 5 6
  load_fast=false: 1 2 3 4 5 4 5 6
  EventAccumulator: 1 2 3 4 5 4 5 6
resumed with START: written 1 2 3 4 5 | 4 5 6
  load_fast: 1 2 3 4 5 6
  load_fast=false: 1 2 3 4 5 4 5 6
  EventAccumulator: 1 2 3 4 5 6
START in both: written 1 2 3 4 5 | 4 5 6
  load_fast: 1 2 3 4 5 6
  load_fast=false: 1 2 3 4 5 6
  EventAccumulator: 1 2 3 4 5 6
judged in any order: written 300 | 100 | 200
  load_fast: 100 200
  load_fast=false: 300 100 200
  EventAccumulator: 300 100 200
EOT
