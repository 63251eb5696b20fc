#!/usr/bin/env python3
"""How pretraining scales over the ranks of one machine, one thread a rank: images/s of the median
step. The limit is that of as many separate one-rank runs at the same time, in the same session:
what the cores give when nothing is exchanged.

  strong: the same global batch on more ranks        weak: a batch that grows with the ranks

usage: scaling.py BIN_FOLDER CONFIG [--ranks 1 2] [--steps 20] [--csv FILE] [--set a.b=c ...]"""
import argparse
import csv
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

WARM_UP = 4  # steps left out: first touch of memory, kernels made for new shapes


class Study:
    def __init__(self, arguments, folder):
        self.bin, self.config, self.steps = arguments.bin, arguments.config, arguments.steps
        self.settings, self.folder, self.runs = arguments.set, folder, 0
        self.environment = dict(os.environ, OMP_NUM_THREADS="1", OMPI_ALLOW_RUN_AS_ROOT="1",
                                OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        self.call(self.program("ijepa-synth"), "--out", folder / "images", "--size", "64",
                  "--train", "2000", "--test", "10")
        self.call(self.program("ijepa-shards"), folder / "images", "--out", folder / "shards")

    def program(self, name):
        return os.path.join(self.bin, name)

    def start(self, *command):
        return subprocess.Popen([str(word) for word in command], env=self.environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def call(self, *command):
        self.finish(self.start(*command))

    @staticmethod
    def finish(process):
        output = process.communicate()[0]
        if process.returncode != 0:
            sys.exit(f"{' '.join(process.args)}\nended with {process.returncode}:\n{output}")

    def start_run(self, ranks, batch):
        """A training run under way, and its folder."""
        self.runs += 1
        run = self.folder / f"run{self.runs}"
        settings = [f"run.dir={run}", f"data.shards={self.folder / 'shards' / 'train'}",
                    f"optim.global_batch={batch}", f"optim.max_steps={self.steps}",
                    "optim.epochs=1000", f"mask.truncate_group={self.group}", "run.health_every=0",
                    "run.checkpoint_minutes=0", "compute.threads=1", "data.threads=1",
                    *self.settings]
        command = ["mpirun", "-n", ranks, "--oversubscribe", "--bind-to", "none",
                   self.program("ijepa-pretrain"), self.config]
        for setting in settings:
            command += ["--set", setting]
        return self.start(*command), run

    @staticmethod
    def rate(run):
        """Images/s of the median step, and the median share of waiting for data."""
        with open(run / "metrics.csv", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))[WARM_UP:]
        median = lambda name: statistics.median(float(row[name]) for row in rows)
        return median("images_per_second"), median("data_wait")

    def measure(self, ranks, batch):
        process, run = self.start_run(ranks, batch)
        self.finish(process)
        return self.rate(run)

    def limit(self, count, batch):
        """The sum of `count` separate one-rank runs at the same time."""
        started = [self.start_run(1, batch) for _ in range(count)]
        for process, _ in started:
            self.finish(process)
        return sum(self.rate(run)[0] for _, run in started)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin")
    parser.add_argument("config")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=64, help="global (strong), of a rank (weak)")
    parser.add_argument("--csv")
    parser.add_argument("--set", nargs="+", default=[])
    arguments = parser.parse_args()
    if arguments.steps <= WARM_UP:
        parser.error(f"--steps must be above {WARM_UP}, the steps that warm up")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        study = Study(arguments, pathlib.Path(folder))
        study.group = arguments.batch // max(arguments.ranks)
        for form in ("strong", "weak"):
            for ranks in arguments.ranks:
                batch = arguments.batch * (ranks if form == "weak" else 1)
                rate, wait = study.measure(ranks, batch)
                limit = study.limit(ranks, batch // ranks)
                rows.append({"form": form, "ranks": ranks, "batch": batch,
                             "images_per_second": round(rate, 1), "limit": round(limit, 1),
                             "efficiency": round(rate / limit, 3), "data_wait": round(wait, 3)})
                print("  ".join(f"{name} {value}" for name, value in rows[-1].items()), flush=True)
    if arguments.csv:
        with open(arguments.csv, "w", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
