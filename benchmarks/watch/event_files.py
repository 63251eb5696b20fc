#!/usr/bin/env python3
"""What event files (run.tensorboard) add to the steps of a recipe, in processor time: a row of figures,
which log_every steps write, and what a look at the health writes. Rows are counted where they can be
seen, in a run of tiny steps that each write one; looks in the recipe's own network, one every step.
Each run with event files stands beside one without, in turns; the medians of their differences, over
the recipe's own step, are the share that event files add to it.

usage: event_files.py BIN_FOLDER [--config configs/cifar10_3min.toml] [--turns 5] [--rows 4000] [--looks 20]"""
import argparse
import os
import pathlib
import statistics
import subprocess
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
TINY = {"model.name": "custom", "model.width": 8, "model.depth": 1, "model.heads": 1, "model.patch": 8,
        "model.image_height": 32, "model.image_width": 32, "model.predictor.width": 8,
        "model.predictor.depth": 1, "mask.min_keep": 1, "mask.target_scale_min": 0.3,
        "mask.target_scale_max": 0.5, "mask.truncate_group": 1, "optim.global_batch": 1, "run.log_every": 1}
EVERYWHERE = {"data.shards": "shards/train", "data.threads": 1, "compute.threads": 1, "optim.epochs": 1000,
              "optim.warmup_epochs": 1, "optim.ipe_scale": 1, "run.checkpoint_minutes": 0,
              "run.checkpoint_steps": 0, "eval.test_shards": ""}


class Bench:
    def __init__(self, options):
        self.bin, self.turns, self.number = pathlib.Path(options.bin).resolve(), options.turns, 0

    def program(self, *words):
        """Processor seconds of a program and all its threads."""
        done = subprocess.Popen([self.bin / words[0], *map(str, words[1:])], stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE)
        problem = done.stderr.read()
        _, status, usage = os.wait4(done.pid, 0)
        done.returncode = os.waitstatus_to_exitcode(status)
        if done.returncode:
            raise SystemExit(f"{' '.join(map(str, words))}\n{problem.decode()}")
        return usage.ru_utime + usage.ru_stime

    def seconds(self, config, settings, event_files):
        self.number += 1
        run = f"run{self.number}"
        changed = {**EVERYWHERE, **settings, "run.dir": run, "run.tensorboard": str(event_files).lower()}
        return run, self.program("ijepa-pretrain", config, *(word for key, value in changed.items()
                                                             for word in ("--set", f"{key}={value}")))

    def added(self, config, settings, count):
        """Seconds that event files add to each of `count`: of every turn, sorted."""
        found = []
        for turn in range(self.turns):
            order = (True, False) if turn % 2 else (False, True)
            spent = {event_files: self.seconds(config, settings, event_files)[1] for event_files in order}
            found.append((spent[True] - spent[False]) / count)
        return sorted(found)


def step_of(bench, config, steps):
    """Processor seconds of a step of the recipe: those that more steps add."""
    return (bench.seconds(config, {"optim.max_steps": 2 * steps, "run.health_every": 0}, False)[1]
            - bench.seconds(config, {"optim.max_steps": steps, "run.health_every": 0}, False)[1]) / steps


def setting(bench, config, key):
    return float(subprocess.run([bench.bin / "ijepa-pretrain", config, "--show", key], check=True, text=True,
                                stdout=subprocess.PIPE).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin")
    parser.add_argument("--config", default=str(SOURCE / "configs/cifar10_3min.toml"))
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--looks", type=int, default=20)
    options = parser.parse_args()
    config = str(pathlib.Path(options.config).resolve())
    bench = Bench(options)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        bench.program("ijepa-synth", "--out", "images", "--train", 512, "--test", 64, "--size", 32)
        bench.program("ijepa-shards", "images", "--out", "shards")
        pathlib.Path("tiny.toml").write_text("[run]\n", encoding="utf-8")
        rows = bench.added("tiny.toml", {**TINY, "run.health_every": 0, "optim.max_steps": options.rows},
                           options.rows)
        looks = bench.added(config, {"run.health_every": 1, "optim.max_steps": options.looks}, options.looks)
        step = statistics.median(step_of(bench, config, options.looks) for _ in range(options.turns))
        every = {key: setting(bench, config, f"run.{key}") for key in ("log_every", "health_every")}
    row, look = statistics.median(rows), statistics.median(looks)
    print(f"a row of figures  {1e6 * row:8.1f} us of processor time ({1e6 * rows[0]:.1f} to {1e6 * rows[-1]:.1f})")
    print(f"a look            {1e3 * look:8.2f} ms ({1e3 * looks[0]:.2f} to {1e3 * looks[-1]:.2f})")
    print(f"a step            {1e3 * step:8.1f} ms")
    share = (row / every["log_every"] + (look / every["health_every"] if every["health_every"] else 0)) / step
    print(f"a row every {every['log_every']:g} and a look every {every['health_every']:g} steps: "
          f"{100 * share:.3f} % of a step")


if __name__ == "__main__":
    main()
