#!/usr/bin/env python3
"""How pretraining scales over ranks: measures, fits a model (model.py) and predicts larger counts.

  strong: the same global batch on more ranks        weak: a batch that grows with the ranks

On one machine (default) ranks share its cores, one thread a rank, and the limit is that of as many
separate one-rank runs at the same time. On a cluster (jobs/scaling.sbatch) each rank has cores or a
device of its own. Writes scaling.csv and scaling.svg into --out and prints both tables.

usage: scaling.py BIN_FOLDER CONFIG [--ranks 1 2] [--steps 20] [--out FOLDER] [--set a.b=c ...]"""
import argparse
import csv
import os
import pathlib
import tempfile

import model
import plot
from study import WARM_UP, Study

LOCAL_LAUNCH = "mpirun -n {ranks} --oversubscribe --bind-to none"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin")
    parser.add_argument("config")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=64, help="global (strong), of a rank (weak)")
    parser.add_argument("--shards", help="default: synthetic images of 64 pixels")
    parser.add_argument("--out", type=pathlib.Path, help="default: a temporary folder")
    parser.add_argument("--predict", type=int, nargs="+", default=[8, 16, 32, 64, 128])
    parser.add_argument("--launch", default=LOCAL_LAUNCH, help="with {ranks} and {nodes}")
    parser.add_argument("--ranks-per-node", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="of a rank")
    parser.add_argument("--set", nargs="+", default=[])
    options = parser.parse_args()
    if options.steps <= WARM_UP:
        parser.error(f"--steps must be above {WARM_UP}, the steps that warm up")
    uneven = [ranks for ranks in options.ranks if options.batch % ranks]
    if uneven:
        parser.error(f"--batch {options.batch} is no multiple of --ranks {uneven[0]}")
    options.shared_machine = options.launch == LOCAL_LAUNCH
    return options


def measure(study, form, ranks, batch):
    parts = study.measure(ranks, batch)
    limit = study.limit(ranks, batch)
    rate = batch / parts["seconds"]
    row = {"form": form, "ranks": ranks, "batch": batch,
           "step_ms": round(1e3 * parts["seconds"], 2), "images_per_second": round(rate, 1),
           "limit": round(limit, 1), "efficiency": round(rate / limit, 3),
           "compute": round(1 - parts["rank_wait"] - parts["data_wait"], 4),
           "rank_wait": round(parts["rank_wait"], 4), "data_wait": round(parts["data_wait"], 4)}
    print("  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    return row


def as_measured(row, cores):
    """Ranks that share a core are, to the model, one with the images of all."""
    seconds = row["step_ms"] / 1e3
    return model.Measured(row["ranks"], row["batch"] / row["ranks"] * max(1, row["ranks"] / cores),
                          seconds * row["compute"], seconds * row["rank_wait"])


def images_of_rank(form, ranks, batch):
    return batch if form == "weak" else batch / ranks


def check_by_largest(rows, runs, size, buckets):
    """What the model of the smaller counts says of the largest, beside what was measured."""
    largest = max(run.ranks for run in runs)
    smaller = [run for run in runs if run.ranks < largest]
    if max(run.ranks for run in smaller) < 2:
        return
    fitted = model.fit(smaller, size, buckets)
    for row, run in zip(rows, runs):
        if run.ranks == largest:
            said = fitted.step(run.ranks, run.images)
            seen = run.compute + run.exposed
            print(f"check: {row['form']}, {largest} ranks from the smaller counts: predicted "
                  f"{1e3 * said:.1f} ms a step, measured {1e3 * seen:.1f} ms "
                  f"({said / seen - 1:+.0%})")


def predict(options, fitted):
    """{form: [(ranks, efficiency)]}, printed too."""
    curves = {}
    for form in ("strong", "weak"):
        counts = sorted(set(options.ranks) | {r for r in options.predict
                                              if form == "weak" or options.batch >= r})
        curves[form] = [(r, fitted.efficiency(r, images_of_rank(form, r, options.batch)))
                        for r in counts]
        for ranks, efficiency in curves[form]:
            images = images_of_rank(form, ranks, options.batch)
            rate = ranks * images / fitted.step(ranks, images)
            print(f"model: {form}  ranks {ranks}  images/s {rate:.0f}  efficiency {efficiency:.3f}")
    return curves


def study_in(options, folder):
    study = Study(options, folder)
    rows = [measure(study, form, ranks, options.batch * (ranks if form == "weak" else 1))
            for form in ("strong", "weak") for ranks in options.ranks]
    with open(folder / "scaling.csv", "w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    curves = {}
    if max(options.ranks) > 1:
        size, buckets = study.gradient()
        cores = os.cpu_count() if options.shared_machine else max(options.ranks)
        runs = [as_measured(row, cores) for row in rows]
        check_by_largest(rows, runs, size, buckets)
        fitted = model.fit(runs, size, buckets)
        print(f"model: {fitted}")
        for doubt in model.doubts(runs, fitted):
            print(f"warning: {doubt}. What follows is a guess, not a prediction.")
        curves = predict(options, fitted)
    (folder / "scaling.svg").write_text(plot.svg(rows, curves), encoding="utf-8")


def main():
    options = arguments()
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        study_in(options, options.out.resolve())
        return
    with tempfile.TemporaryDirectory() as folder:
        study_in(options, pathlib.Path(folder))


if __name__ == "__main__":
    main()
