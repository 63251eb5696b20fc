#!/usr/bin/env python3
"""The small recipe's features are worth more than those of the untrained network: for every seed
the k-NN accuracy at the end of a short run must lie above that before its first step by more than
two standard errors of the difference. Run by hand, since CIFAR-10 does not come with the sources:
six minutes a seed on one core.
usage: features.py BIN_FOLDER CONFIG TRAIN_SHARDS TEST_SHARDS [--seeds 1 2 3 4 5] [--epochs 2]"""
import argparse
import json
import os
import sys
import tempfile

from learning import last_health, run


def accuracies(folder):
    """k-NN top-1 of the evaluations of a run, in percent."""
    with open(os.path.join(folder, "events.jsonl"), encoding="utf-8") as lines:
        events = [json.loads(line) for line in lines]
    return [100 * event["knn_top1"] for event in events if event["event"] == "evaluation"]


def margin(before, after, images):
    """Two standard errors of the difference, as if the two were independent, which is more than it is."""
    return 2 * sum(p * (100 - p) / images for p in (before, after)) ** 0.5


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("bin", "config", "train", "test"):
        parser.add_argument(name)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--images", type=int, default=10000, help="of either set, for k-NN")
    arguments = parser.parse_args()
    failed = []
    print("seed  untrained  trained  margin  gap    loss    position mean  RankMe")
    with tempfile.TemporaryDirectory() as folder:
        for seed in arguments.seeds:
            run_folder = os.path.join(folder, f"seed{seed}")
            settings = {"data.shards": arguments.train, "run.dir": run_folder, "run.seed": seed,
                        "optim.epochs": arguments.epochs, "eval.test_shards": arguments.test,
                        "eval.every_epochs": arguments.epochs, "eval.images": arguments.images,
                        "run.keep_best": "none", "compute.threads": 1, "data.threads": 1}
            run(os.path.join(arguments.bin, "ijepa-pretrain"), arguments.config,
                *(part for key, value in settings.items() for part in ("--set", f"{key}={value}")))
            before, *_, after = accuracies(run_folder)
            wanted, health = margin(before, after, arguments.images), last_health(run_folder)
            print(f"{seed:4}  {before:9.2f}  {after:7.2f}  {wanted:6.2f}  "
                  f"{health['cross_sample_gap']:.3f}  {health['loss']:.4f}  "
                  f"{health['position_mean_loss']:13.4f}  {health['rankme']:6.1f}", flush=True)
            if after - before <= wanted:
                failed.append(seed)
    if failed:
        sys.exit(f"no better than the untrained network: seeds {failed}")


if __name__ == "__main__":
    main()
