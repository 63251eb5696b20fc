#!/usr/bin/env python3
"""The quick start's recipe learns: for three fixed seeds its run must end with predictions that fit
their own image better than others and with a loss below both the zero and the per-position-mean
predictor. k-NN of trained, untrained, pixels and histogram is printed side by side.
usage: learning.py BIN_FOLDER CONFIG [--seeds 1 2 3]"""
import argparse
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


def complaints(health):
    found = []
    if not health["cross_sample_gap"] >= GAP:
        found.append(f"gap {health['cross_sample_gap']:.4f} < {GAP}")
    for other in ("zero_loss", "position_mean_loss"):
        if not health["loss"] < health[other]:
            found.append(f"loss {health['loss']:.4f} >= {other} {health[other]:.4f}")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bin")
    parser.add_argument("config")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    arguments = parser.parse_args()
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        program = lambda name: os.path.join(arguments.bin, name)
        inside = lambda *names: os.path.join(folder, *names)
        run(program("ijepa-synth"), "--out", inside("images"), "--size", "64", "--train", "2000",
            "--test", "500")
        run(program("ijepa-shards"), inside("images"), "--out", inside("shards"))
        for seed in arguments.seeds:
            run_folder = inside(f"seed{seed}")
            run("mpirun", "-n", "2", "--oversubscribe", program("ijepa-pretrain"), arguments.config,
                "--set", f"run.dir={run_folder}", "--set", f"data.shards={inside('shards', 'train')}",
                "--set", f"data.valid_shards={inside('shards', 'test')}", "--set",
                f"run.seed={seed}", "--set", "compute.threads=1", "--set", "data.threads=1")
            health = last_health(run_folder)
            print(f"seed {seed}: " + ", ".join(f"{k} {health[k]:.4f}" for k in (
                "cross_sample_gap", "loss", "zero_loss", "position_mean_loss", "rankme")))
            print(run(program("ijepa-probe"), "--run", run_folder, "--test", inside("shards", "test"),
                      "--linear-epochs", "20"), flush=True)
            failed += [f"seed {seed}: {text}" for text in complaints(health)]
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()
