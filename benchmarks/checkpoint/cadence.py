#!/usr/bin/env python3
"""What a save a minute costs a training run, and what a restart costs.

Two runs of the same steps go side by side, each on a core of its own: one saves every minute, one
never. They change cores halfway, and what both have done is compared: wall time, which other work on
the machine disturbs for both alike, and processor time, which it hardly disturbs. Then the run that
saved is started again, and the time until it trains is taken.

usage: cadence.py BIN_FOLDER [--model vit_small] [--image 224] [--patch 16] [--batch 4] [--minutes 10]
                  [--restarts 3] [--folder DIR]"""
import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import tempfile
import time

CONFIG = """
[model]
name = "{model}"
patch = {patch}
image_height = {image}
image_width = {image}
[model.predictor]
width = 384
depth = 6
[optim]
global_batch = {batch}
epochs = 1000000
warmup_epochs = 2
[compute]
threads = 1
[data]
threads = 1
[run]
health_every = 0
checkpoint_steps = 0
"""
TICKS = os.sysconf("SC_CLK_TCK")


class Run:
    """A training run on one core. `marks` has, for each step done since the start, the wall time and
    the processor time of the process at its end."""

    def __init__(self, binary, folder, name, minutes, core):
        self.path, self.marks = folder / name / "metrics.csv", []
        self.begin, self.seen = time.time(), self.count()
        command = [binary / "ijepa-pretrain", folder / "config.toml"]
        for setting in (f"run.dir={folder / name}", f"data.shards={folder / 'shards' / 'train'}",
                        f"run.checkpoint_minutes={minutes}"):
            command += ["--set", setting]
        with open(folder / f"{name}.log", "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log,
                                            preexec_fn=lambda: os.sched_setaffinity(0, {core}))

    def count(self):
        try:
            return self.path.read_bytes().count(b"\n") - 1
        except OSError:
            return 0

    def look(self):
        if self.process.poll() is not None:
            raise SystemExit(f"A run ended with {self.process.returncode}; see {self.path.parent}.log")
        rows = self.count()
        if rows < self.seen:  # a restart cut what was done after the checkpoint
            self.seen = rows
        if rows > self.seen:
            fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
            self.marks.append((time.time(), (int(fields[11]) + int(fields[12])) / TICKS))
            self.seen = rows

    def end(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def excess(saving, plain, what):
    """By how much the run that saves took longer for the same steps, all but the first."""
    steps = min(len(saving.marks), len(plain.marks)) - 1
    took = [run.marks[steps][what] - run.marks[0][what] for run in (saving, plain)]
    return took[0] / took[1] - 1, steps


def cadence(binary, folder, minutes):
    cores = sorted(os.sched_getaffinity(0))[:2]
    rounds = []
    for turn in range(2):
        runs = [Run(binary, folder, f"saving_{turn}", 1, cores[turn]),
                Run(binary, folder, f"plain_{turn}", 0, cores[1 - turn])]
        while time.time() - runs[0].begin < 30 * minutes:
            time.sleep(0.01)
            for run in runs:
                run.look()
        for run in runs:
            run.end()
        saves = [json.loads(line) for line in (folder / f"saving_{turn}" / "events.jsonl").open()]
        saves = [event for event in saves if event["event"] == "saved"]
        if not saves:
            raise SystemExit("No save was finished in time: give more --minutes.")
        wall, steps = excess(*runs, 0)
        processor, _ = excess(*runs, 1)
        rounds.append({"steps": steps, "saves": len(saves),
                       "wall": round(wall, 4), "processor": round(processor, 4),
                       "MiB": round(saves[-1]["bytes"] / 2**20),
                       "blocked_ms": round(1e3 * statistics.mean(e["blocked_seconds"] for e in saves))})
        print(json.dumps(rounds[-1]), flush=True)
    for what in ("wall", "processor"):
        print(f"overhead, {what} time: {100 * statistics.mean(r[what] for r in rounds):.2f} %")


def restart(binary, folder, times):
    core = min(os.sched_getaffinity(0))
    for _ in range(times):
        run = Run(binary, folder, "saving_1", 0, core)
        while len(run.marks) < 2:
            time.sleep(0.002)
            run.look()
        first, second = (mark[0] - run.begin for mark in run.marks)
        run.end()
        print(f"restart: first step done after {first:.2f} s, the second {second - first:.2f} s later", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("--model", default="vit_small")
    parser.add_argument("--image", type=int, default=224)
    parser.add_argument("--patch", type=int, default=16)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=10, help="of both halves together")
    parser.add_argument("--restarts", type=int, default=3)
    parser.add_argument("--folder", help="on the disk to be measured")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = pathlib.Path(name)
        (folder / "config.toml").write_text(CONFIG.format(**vars(arguments)))
        for command in (["ijepa-synth", "--out", folder / "images", "--size", str(arguments.image),
                         "--train", "200", "--test", "10"],
                        ["ijepa-shards", folder / "images", "--out", folder / "shards"]):
            subprocess.run([arguments.bin / command[0], *command[1:]], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cadence(arguments.bin, folder, arguments.minutes)
        restart(arguments.bin, folder, arguments.restarts)


if __name__ == "__main__":
    main()
