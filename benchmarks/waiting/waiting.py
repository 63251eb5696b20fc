#!/usr/bin/env python3
"""What waiting costs where cores are not a program's own: images/s of pretraining, of several builds in
turns, with all cores, with a CPU quota (a control group, which takes root), and with other work on
every core. Builds that know quotas choose their threads by them; --threads fixes them for all.

usage: waiting.py BIN_FOLDER [OTHER_BIN_FOLDER]... [--quota 1] [--turns 3] [--steps 40] [--threads 0]"""
import argparse
import csv
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
WARM_UP = 5


class ControlGroup:
    """A control group with a quota; `enter` is called in the child before the program starts."""

    def __init__(self, cpus):
        unified = pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists()
        self.folder = pathlib.Path("/sys/fs/cgroup" if unified else "/sys/fs/cgroup/cpu",
                                   f"waiting_{os.getpid()}")
        self.folder.mkdir()
        try:
            if unified:
                (self.folder / "cpu.max").write_text(f"{int(cpus * 100000)} 100000")
            else:
                (self.folder / "cpu.cfs_quota_us").write_text(str(int(cpus * 100000)))
        except OSError:
            self.remove()
            raise

    def enter(self):
        (self.folder / "cgroup.procs").write_text(str(os.getpid()))

    def throttled(self):
        """The share of periods in which the quota was the limit: none where others took the cores."""
        stat = dict(line.split() for line in (self.folder / "cpu.stat").read_text().splitlines())
        return int(stat["nr_throttled"]) / max(int(stat["nr_periods"]), 1)

    def remove(self):
        self.folder.rmdir()


def rate(bin_folder, folder, number, options, enter=None):
    """Images/s of the median step."""
    run = folder / f"run{number}"
    settings = {"data.shards": folder / "shards/train", "run.dir": run, "run.health_every": 0,
                "optim.epochs": 1000, "optim.max_steps": options.steps,
                "compute.threads": options.threads, "run.checkpoint_minutes": 0}
    subprocess.run([f"{bin_folder}/ijepa-pretrain", str(SOURCE / "configs/synthetic.toml"),
                    *(word for key, value in settings.items() for word in ("--set", f"{key}={value}"))],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=enter)
    with open(run / "metrics.csv", encoding="utf-8") as lines:
        return statistics.median(float(row["images_per_second"])
                                 for row in list(csv.DictReader(lines))[WARM_UP:])


def measure(name, options, folder, enter=None):
    rates = {build: [] for build in options.bin}
    for turn in range(options.turns):
        for build in options.bin:
            number = f"_{name.split()[0]}_{turn}_{options.bin.index(build)}"
            rates[build].append(rate(build, folder, number, options, enter))
    first = statistics.median(rates[options.bin[0]])
    for build, values in rates.items():
        middle = statistics.median(values)
        print(f"{name:20} {build:40} {middle:7.0f} images/s ({min(values):.0f} to {max(values):.0f}), "
              f"{middle / first:.2f} of the first", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", nargs="+")
    parser.add_argument("--quota", type=float, default=1)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    if options.steps <= WARM_UP:
        parser.error(f"--steps must be above {WARM_UP}, the steps that warm up")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for program, *words in (("ijepa-synth", "--out", "images", "--train", "512", "--test", "64"),
                                ("ijepa-shards", "images", "--out", "shards")):
            subprocess.run([f"{pathlib.Path(options.bin[0]).resolve()}/{program}", *words], cwd=folder,
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        measure("all cores", options, folder)
        try:
            group = ControlGroup(options.quota)
        except OSError as problem:
            print(f"quota: left out, for no control group can be made: {problem}", file=sys.stderr)
        else:
            try:
                measure(f"quota of {options.quota:g}", options, folder, group.enter)
                print(f"  the quota was the limit in {100 * group.throttled():.0f} % of its periods", flush=True)
            finally:
                group.remove()
        others = [subprocess.Popen([sys.executable, "-c", "while True: pass"])
                  for _ in range(os.cpu_count())]
        try:
            measure("shared cores", options, folder)
        finally:
            for other in others:
                other.kill()
                other.wait()


if __name__ == "__main__":
    main()
