#!/usr/bin/env python3
"""The quick start's recipe learns: its features tell the synthetic images' classes apart far better
than those of the untrained network of the same start and than raw pixels, by 20 nearest neighbours
and by a linear layer, and its predictions fit their own image.
usage: learning.py BIN_FOLDER CONFIG [--seeds 1 2 3] [--images 4000] [--epochs 20] [--knn-margin 12]
[--linear-margin 8]"""
import argparse
import csv
import glob
import json
import os
import subprocess
import sys
import tempfile

GAP = 0.02  # cosine; below it the model predicts the position, not the image


def run(*command):
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                       OMP_NUM_THREADS="1")
    done = subprocess.run(command, env=environment, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def last_health(folder):
    with open(os.path.join(folder, "events.jsonl"), encoding="utf-8") as lines:
        events = [json.loads(line) for line in lines]
    return [event for event in events if event["event"] == "health"][-1]


def accuracies(folder):
    """(20-NN, linear) in percent of each kind of features, as ijepa-probe wrote them."""
    [path] = glob.glob(os.path.join(folder, "probe", "*", "probe.csv"))
    with open(path, encoding="utf-8", newline="") as table:
        return {row["features"]: (float(row["knn20_top1"]), float(row["linear_top1"]))
                for row in csv.DictReader(table)}


def complaints(health, accuracy, margins):
    found = []
    if not health["cross_sample_gap"] >= GAP:
        found.append(f"gap {health['cross_sample_gap']:.4f} < {GAP}")
    for kind, margin, trained, untrained, pixels in zip(
            ("20-NN", "linear"), margins, *(accuracy[k] for k in ("trained", "untrained", "pixels"))):
        if trained < untrained + margin:
            found.append(f"{kind} {trained:.1f} < untrained {untrained:.1f} + {margin}")
        if trained <= pixels:
            found.append(f"{kind} {trained:.1f} <= pixels {pixels:.1f}")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bin")
    parser.add_argument("config")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--knn-margin", type=float, default=12)
    parser.add_argument("--linear-margin", type=float, default=8)
    arguments = parser.parse_args()
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        program = lambda name: os.path.join(arguments.bin, name)
        inside = lambda *names: os.path.join(folder, *names)
        run(program("ijepa-synth"), "--out", inside("images"), "--size", "64", "--train",
            str(arguments.images), "--test", "1000")
        run(program("ijepa-shards"), inside("images"), "--out", inside("shards"))
        for seed in arguments.seeds:
            run_folder = inside(f"seed{seed}")
            settings = {"run.dir": run_folder, "data.shards": inside("shards", "train"),
                        "data.valid_shards": inside("shards", "test"), "run.seed": seed,
                        "optim.epochs": arguments.epochs,
                        "optim.warmup_epochs": 0.08 * arguments.epochs, "compute.threads": 1,
                        "data.threads": 1}
            said = run("mpirun", "-n", "2", "--oversubscribe", program("ijepa-pretrain"),
                       arguments.config, *(part for key, value in settings.items()
                                           for part in ("--set", f"{key}={value}")))
            if "The features are healthy" not in said:
                failed.append(f"seed {seed}: the run does not end with healthy features: {said}")
            health = last_health(run_folder)
            print(f"seed {seed}: " + ", ".join(f"{k} {health[k]:.4f}" for k in (
                "cross_sample_gap", "loss", "zero_loss", "position_mean_loss", "rankme",
                "pairwise_cosine", "position_share")))
            print(run("mpirun", "-n", "2", "--oversubscribe", program("ijepa-probe"), "--run",
                      run_folder, "--test", inside("shards", "test"), "--linear-epochs", "20",
                      "--threads", "1"), flush=True)
            failed += [f"seed {seed}: {text}" for text in complaints(
                health, accuracies(run_folder), (arguments.knn_margin, arguments.linear_margin))]
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()
