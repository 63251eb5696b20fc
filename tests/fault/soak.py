#!/usr/bin/env python3
"""Kills one training run again and again, at random moments, with SIGKILL or SIGTERM, on one rank or
two, and proves that it ends with the weights and losses of a run that nobody disturbed, bit for bit.
Run by hand.

usage: soak.py BIN_FOLDER [--kills 200] [--ranks 1] [--more 500] [--seed 0] [--folder DIR]"""
import argparse
import csv
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

CONFIG = """
[model]
name = "custom"
width = 48
depth = 2
heads = 2
patch = 8
image_height = 64
image_width = 64
[model.predictor]
width = 24
depth = 1
[mask]
min_keep = 4
truncate_group = 8
[optim]
global_batch = 16
epochs = 1000000
warmup_epochs = 2
[compute]
threads = 1
[data]
threads = 1
[run]
log_every = 1
health_every = 0
checkpoint_minutes = 0
checkpoint_steps = 25
"""
# Of a row of metrics.csv, what a repetition cannot repeat.
TIMES = ("time (ms)", "images_per_second", "data_wait", "rank_wait", "memory_mib")


class Soak:
    def __init__(self, arguments, folder):
        self.bin, self.ranks = pathlib.Path(arguments.bin), arguments.ranks
        self.folder, self.dice = folder, random.Random(arguments.seed)
        self.steps = 0  # no end, until the last kill
        self.environment = dict(os.environ, OMP_NUM_THREADS="1", OMPI_ALLOW_RUN_AS_ROOT="1",
                                OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        (folder / "config.toml").write_text(CONFIG)
        for command in (["ijepa-synth", "--out", folder / "images", "--size", "64", "--train", "200",
                         "--test", "10"],
                        ["ijepa-shards", folder / "images", "--out", folder / "shards"]):
            subprocess.run([self.bin / command[0], *command[1:]], check=True, env=self.environment,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start(self, run):
        command = [self.bin / "ijepa-pretrain", self.folder / "config.toml"]
        for setting in (f"run.dir={self.folder / run}", f"data.shards={self.folder / 'shards' / 'train'}",
                        f"optim.max_steps={self.steps}"):
            command += ["--set", setting]
        if self.ranks > 1:
            command = ["mpirun", "-n", str(self.ranks), "--oversubscribe", *command]
        with open(self.folder / f"{run}.log", "ab") as log:
            return subprocess.Popen(command, env=self.environment, stdout=log, stderr=log,
                                    start_new_session=True)

    def rows(self, run):
        path = self.folder / run / "metrics.csv"
        if not path.exists():
            return []
        with open(path, encoding="utf-8") as lines:
            return [{k: v for k, v in row.items() if k not in TIMES} for row in csv.DictReader(lines)]

    def tensors(self, run):
        """The newest checkpoint's step, and every tensor's checksum by name."""
        newest = sorted((self.folder / run / "checkpoints").glob("step_*"))[-1]
        listing = subprocess.run([self.bin / "ijepa-inspect", newest, "--verify", "--list"], check=True,
                                 stdout=subprocess.PIPE, text=True).stdout
        return newest.name, listing

    def disturb(self, kill):
        """One start that is killed."""
        process = self.start("disturbed")
        before = len(self.rows("disturbed"))
        # Until it trains, then some more: kills meet steps, saves and starts alike.
        deadline = time.time() + 60
        if self.dice.random() < 0.9:
            while process.poll() is None and time.time() < deadline and \
                    len(self.rows("disturbed")) <= before:
                time.sleep(0.02)
        time.sleep(self.dice.random() * 1.5)
        if process.poll() is not None:
            self.give_up("disturbed", process.returncode)
        how = self.dice.choice((signal.SIGKILL, signal.SIGTERM))
        if how == signal.SIGKILL:
            os.killpg(process.pid, how)
            for child in self.processes_of("disturbed"):
                os.kill(child, how)
        else:
            process.terminate()
        process.wait(timeout=120)
        print(f"kill {kill}: {how.name} after {len(self.rows('disturbed'))} steps", flush=True)

    def processes_of(self, run):
        """Ranks of a killed mpirun have process groups of their own."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and str(self.folder / run).encode() in \
                        (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                pass
        return found

    def finish(self, run):
        while (code := self.start(run).wait()) == 85:
            pass
        if code != 0:
            self.give_up(run, code)

    def give_up(self, run, code):
        lines = (self.folder / f"{run}.log").read_text(errors="replace").splitlines()
        sys.exit("\n".join([*lines[-20:], f"The run '{run}' ended by itself with {code}."]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("bin")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--more", type=int, default=500, help="steps after the last kill")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        soak = Soak(arguments, pathlib.Path(folder))
        begin = time.time()
        for kill in range(arguments.kills):
            soak.disturb(kill + 1)
        soak.steps = len(soak.rows("disturbed")) + arguments.more
        soak.finish("disturbed")
        soak.finish("undisturbed")
        names = [soak.tensors(run) for run in ("undisturbed", "disturbed")]
        same = names[0] == names[1] and soak.rows("undisturbed") == soak.rows("disturbed")
        print(json.dumps({"kills": arguments.kills, "ranks": arguments.ranks, "steps": soak.steps,
                          "seconds": round(time.time() - begin), "same_bits": same}))
        return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
