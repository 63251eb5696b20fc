#!/usr/bin/env python3
"""Compares settings of pretraining at equal processor time: every setting of a table is trained with
several seeds and judged by k-NN and linear heads on a validation part of the training images; the
best one and the table's first are then trained on all training images and judged on the test
images, once. A second start goes on where the first ended.
usage: recipes.py BIN_FOLDER TABLE.toml IMAGES --out FOLDER [--seconds 180] [--seeds 0 1 2]
IMAGES: a folder or tar with the splits train and test, a folder a class."""
import argparse
import csv
import json
import os
import pathlib
import resource
import subprocess
import sys
import tomllib

import trials

COLUMNS = ("stage", "trial", "seed", "knn", "linear", "untrained_knn", "untrained_linear",
           "pixels_knn", "pixels_linear", "rankme", "cosine", "position_share", "images", "seconds")


class Bench:
    def __init__(self, options):
        self.options, self.out = options, pathlib.Path(options.out)
        self.out.mkdir(parents=True, exist_ok=True)
        self.table = self.out / "results.csv"
        self.config, self.trials = trials.read_table(options.table)
        self.environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1",
                                OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMP_NUM_THREADS="1")

    def call(self, program, *arguments, ranks=1):
        """Processor seconds of the program on its ranks, each of one thread."""
        launch = ["mpirun", "-n", str(ranks), "--oversubscribe"] if ranks > 1 else []
        command = [*launch, os.path.join(self.options.bin, program), *map(str, arguments)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, env=self.environment, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stdout}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def pack(self):
        """The training images in two parts, and all images in their own splits."""
        for name, split in (("parts", ["--subdir", "train", "--test-share", "0.1"]), ("all", [])):
            if not (self.out / name).exists():
                self.call("ijepa-shards", self.options.images, "--out", self.out / name,
                          "--short-side", "128", *split)
        return {"validation": self.out / "parts", "test": self.out / "all"}

    def train(self, trial, run, shards, **more):
        return self.call("ijepa-pretrain", self.config, *trial.options(
            **{"run.dir": run, "data.shards": shards, "compute.threads": 1, "data.threads": 1,
               "run.checkpoint_minutes": 0, "run.keep_best": "none", **more}),
            ranks=self.options.ranks)

    def seconds_a_step(self, trial):
        """From two short runs, whose difference leaves out the start."""
        kept = self.out / "speed" / f"{trial.folder}.json"
        if kept.exists():
            return json.loads(kept.read_text())
        kept.parent.mkdir(exist_ok=True)
        short, long = (self.train(trial, self.out / "speed" / f"{trial.folder}_{steps}",
                                  self.out / "parts" / "train",
                                  **{"optim.max_steps": steps, "run.health_every": 0})
                       for steps in (5, 45))
        kept.write_text(json.dumps((long - short) / 40))
        return (long - short) / 40

    def batch(self, trial):
        """Images a step, from the resolved configuration of the run that measured its speed."""
        config = self.out / "speed" / f"{trial.folder}_45" / "config.toml"
        with open(config, "rb") as file:
            return tomllib.load(file)["optim"]["global_batch"]

    def images(self, shards):
        done = subprocess.run([os.path.join(self.options.bin, "ijepa-inspect"), shards],
                              env=self.environment, text=True, stdout=subprocess.PIPE, check=True)
        return int(next(line.split()[1] for line in done.stdout.splitlines()
                        if line.startswith("images")))

    def judge(self, stage, trial, seed, shards):
        run = self.out / stage / f"{trial.folder}_{seed}"
        step = self.seconds_a_step(trial)
        steps = max(1, self.images(shards / "train") // self.batch(trial))
        epochs = trials.epochs_for(self.options.seconds, step, steps)
        seconds = self.train(trial, run, shards / "train", **{
            "run.seed": seed, "optim.epochs": epochs, "optim.warmup_epochs": 0.08 * epochs,
            "run.health_every": max(1, epochs * steps // 4), "data.valid_shards": shards / "test"})
        self.call("ijepa-probe", "--run", run, "--train", shards / "train",
                  "--test", shards / "test", "--linear-epochs", "20", "--threads", "1",
                  ranks=self.options.ranks)
        [probe] = run.glob("probe/*/probe.csv")
        with open(probe, encoding="utf-8", newline="") as file:
            found = {row["features"]: row for row in csv.DictReader(file)}
        events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
        health = [event for event in events if event["event"] == "health"][-1]
        row = {"stage": stage, "trial": trial.name, "seed": seed, "rankme": health["rankme"],
               "cosine": health["pairwise_cosine"], "position_share": health["position_share"],
               "images": epochs * steps * self.batch(trial), "seconds": round(seconds, 1)}
        for name, prefix in (("trained", ""), ("untrained", "untrained_"), ("pixels", "pixels_")):
            row[prefix + "knn"] = float(found[name]["knn20_top1"])
            row[prefix + "linear"] = float(found[name]["linear_top1"])
        return row

    def rows(self, stage):
        if not self.table.exists():
            return []
        with open(self.table, encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["stage"] == stage]
        return [{key: value if key in ("stage", "trial") else float(value)
                 for key, value in row.items()} for row in rows]

    def keep(self, row):
        new = not self.table.exists()
        with open(self.table, "a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            if new:
                writer.writeheader()
            writer.writerow(row)
        print(f"{row['stage']}: {row['trial']}, seed {row['seed']}: 20-NN {row['knn']:.1f}, linear "
              f"{row['linear']:.1f}; untrained {row['untrained_knn']:.1f}, "
              f"{row['untrained_linear']:.1f}; {row['seconds']:.0f} core-seconds", flush=True)

    def run_all(self, stage, wanted, shards):
        done = {(row["trial"], int(row["seed"])) for row in self.rows(stage)}
        for seed in self.options.seeds:
            for trial in wanted:
                if (trial.name, seed) not in done:
                    self.keep(self.judge(stage, trial, seed, shards))
        return self.rows(stage)

    def run(self):
        shards = self.pack()
        validated = self.run_all("validation", self.trials, shards["validation"])
        print("\nOn the validation part of the training images:\n" + trials.markdown(validated))
        chosen = trials.best(validated)
        print(f"Chosen there: {chosen}")
        finalists = [t for t in self.trials if t.name in (chosen, self.trials[0].name)]
        tested = self.run_all("test", finalists, shards["test"])
        print("\nOn the test images:\n" + trials.markdown(tested))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("bin", "table", "images"):
        parser.add_argument(name)
    parser.add_argument("--out", required=True)
    parser.add_argument("--seconds", type=float, default=180, help="of a processor, for each training")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--ranks", type=int, default=1)
    Bench(parser.parse_args()).run()


if __name__ == "__main__":
    main()
