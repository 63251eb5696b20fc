#!/usr/bin/env python3
"""Whether two builds give the same: each program of both folders works on the same small inputs, on one
and on several ranks, in float32 and bfloat16, and every file that they leave is compared, byte for byte;
tables without their columns of times, and what is said without rates and seconds.

usage: compare.py BIN_FOLDER OTHER_BIN_FOLDER [--ranks 1 2] [--only WORD] [--keep FOLDER]
Any commit can be the other one: git worktree add, build it, and name its folder of programs."""
import argparse
import csv
import hashlib
import io
import itertools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "support"))
from grey_png import grey_png  # noqa: E402

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OMPI_ALLOW_RUN_AS_ROOT": "1",
               "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1"}
RECIPE = {"model.name": "custom", "model.width": 24, "model.depth": 2, "model.heads": 3, "model.patch": 8,
          "model.image_height": 32, "model.image_width": 32, "model.predictor.width": 12,
          "model.predictor.depth": 1, "mask.min_keep": 1, "mask.target_scale_min": 0.3,
          "mask.target_scale_max": 0.5, "mask.truncate_group": 6, "data.shards": "shards/train",
          "data.threads": 1, "optim.global_batch": 12, "optim.epochs": 10, "optim.max_steps": 50,
          "optim.warmup_epochs": 1, "optim.lr": 1e-3, "run.health_every": 20, "run.health_images": 12,
          "run.checkpoint_steps": 25, "eval.test_shards": "shards/test", "eval.every_epochs": 5}
PRETRAINED = {"float32": {},
              "bfloat16": {"compute.precision": "bfloat16"},
              "micro_batches": {"optim.micro_batch": 3, "compute.recompute": "block", "optim.clip_grad": 0.5},
              "every_loss": {"loss.pixels": 0.5, "loss.variance_covariance": 0.1, "loss.pooled_prediction": 0.1,
                             "loss.centre": 0.1, "optim.micro_batch": 3},
              "centred": {"loss.targets": "centred", "model.drop_path": 0.1}}
CLASSES = """masks = "index"
[[class]]
name = "ground"
mask = [0, 0, 0]
[[class]]
name = "thing"
mask = [255, 255, 255]
"""
# What differs from start to start.
TIMES = {"time (ms)", "images_per_second", "data_wait", "rank_wait", "memory_mib", "seconds"}
NOT_COMPARED = re.compile(r"events\.jsonl|.*protected\.json|.*tfevents.*|run\.lock|.*\.lock|.*\.png")
SPOKEN = re.compile(r".*(?:  ETA |Ctrl-C).*\n|[\d.]+ ?(s|ms|h|MiB|GiB|[GT]FLOP/s|\S+/s|a second)(?=\s|$|[,;.)])")


class Build:
    """The programs of one folder, working in a folder of the same name, since some write it down."""

    def __init__(self, programs, place):
        self.programs, self.place = pathlib.Path(programs).resolve(), place
        self.said = {}
        place.mkdir(parents=True)

    def __call__(self, step, ranks, program, *words):
        launcher = ["mpirun", "-n", str(ranks)] if ranks > 1 else []
        done = subprocess.run([*launcher, self.programs / f"ijepa-{program}", *map(str, words)], cwd=self.place,
                              env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.said[step] = f"{done.stdout}code {done.returncode}"
        return done.returncode

    def prepare(self):
        self("synth", 1, "synth", "--out", "pictures", "--classes", 3, "--train", 60, "--test", 30, "--size", 40)
        self("shards", 1, "shards", "pictures", "--out", "shards")
        for i in range(10):
            grey_png(self.place / "images" / f"{i}.png", 48, lambda x, y, i=i: (5 * x + 3 * y * i) % 256)
            grey_png(self.place / "masks" / f"{i}.png", 48, lambda x, y, i=i: (x + i) // 24 % 2)
        (self.place / "classes.toml").write_text(CLASSES)
        (self.place / "recipe.toml").write_text("[run]\nseed = 7\n")

    def content(self, path):
        """What is compared of a file. HDF5 writes down when it made a checkpoint's parts; their manifest has
        the checksum of every tensor in them. Its tables of epochs, with times, are files, too."""
        if path.suffix == ".csv":
            rows = list(csv.reader(io.StringIO(path.read_text(errors="replace"))))
            kept = [i for i, title in enumerate(rows[0]) if title not in TIMES]
            return json.dumps([[row[i] for i in kept if i < len(row)] for row in rows]).encode()
        if path.name != "manifest.json" or "shards" in path.parts:
            return path.read_bytes()
        manifest = json.loads(path.read_text())
        texts = {key: text for key, text in manifest["text"].items() if key not in ("history", "epochs")}
        return json.dumps([manifest["step"], manifest["tensors"], texts]).encode()

    def files(self):
        compared = [p for p in self.place.rglob("*") if p.is_file() and not NOT_COMPARED.fullmatch(p.name)
                    and not (p.suffix == ".h5" and "text" in self.manifest_beside(p))]
        return {str(p.relative_to(self.place)): hashlib.sha256(self.content(p)).hexdigest() for p in compared}

    @staticmethod
    def manifest_beside(path):
        manifest = path.with_name("manifest.json")
        return json.loads(manifest.read_text()) if manifest.exists() else {}

    def speech(self):
        # A launcher mixes what is printed and what is logged as they come.
        return {step: "\n".join(sorted(SPOKEN.sub("", said).splitlines())) for step, said in self.said.items()}


def settings(changes):
    return [word for key, value in changes.items() for word in ("--set", f"{key}={value}")]


def pretraining(ranks):
    for name, changes in PRETRAINED.items():
        yield f"pretrain_{name}", "pretrain", "recipe.toml", *settings(
            {**RECIPE, **changes, "run.dir": f"run_{name}_{ranks}"})


def uses(ranks):
    """(step, program, words ...) of all that uses a pretrained network, in an order that works."""
    run, at = f"pretrained_{ranks}", f"_{ranks}"
    classify = ("train", "--run", run, "--train-dir", "pictures/train", "--valid-dir", "shards/test", "--epochs", 2,
                "--batch-size", 10, "--set", "data.mixup=0.3", "--set", "optim.micro_batch=2")
    segment = ("train", "--run", run, "--config", "classes.toml", "--train-images", "images", "--train-masks", "masks",
               "--valid-images", "images", "--valid-masks", "masks", "--imgsz", 32, 32, "--epochs", 2)
    yield "probe", "probe", "--run", run, "--test", "shards/test", "--linear-epochs", 5, "--out", "probe" + at
    yield ("probe_augmented", "probe", "--run", run, "--test", "shards/test", "--linear-epochs", 2, "--views",
           "augmented", "--no-cache", "--batch", 20, "--out", "probe_augmented" + at)
    for encoder in ("target", "context", "untrained"):
        yield (f"infer_{encoder}", "infer", "--run", run, "--input", "pictures/test", "--encoder", encoder, "--csv",
               "--keep", "both", "--out", f"features_{encoder}{at}")
    yield "search", "search", "--features", "features_target" + at, "--all", "--k", 4, "--out", "found" + at
    yield ("search_file", "search", "--features", "features_target" + at, "--image", "images/3.png", "--run", run,
           "--k", 4, "--out", "found_file" + at)
    yield "pair", "search", "--pair", "images/1.png", "images/2.png", "--run", run
    yield "linear", "classify", *classify, "--out-dir", "linear" + at
    yield ("tuned", "classify", *classify, "--fine-tune", "--set", "optim.drop_path=0.1", "--set", "optim.layer_decay=0.7",
           "--set", "compute.precision=bfloat16", "--out-dir", "tuned" + at)
    yield ("sgd", "classify", *classify, "--fine-tune", "--set", "optim.optimizer=sgd", "--set",
           "data.image_height=48", "--set", "data.image_width=48", "--out-dir", "sgd" + at)
    yield "answers", "classify", "infer", "--weights", f"tuned{at}/best_model", "--input", "images", "--out-dir", "answers" + at
    yield "head", "segment", *segment, "--out-dir", "head" + at
    yield "whole", "segment", *segment, "--fine-tune", "--out-dir", "whole" + at
    yield "patches", "segment", *segment, "--tokens", "patches", "--out-dir", "patches" + at
    yield ("labels", "segment", "infer", "--weights", f"head{at}/best_model_iou", "--input", "images", "--out-dir",
           "labels" + at, "--masks")
    yield "predict", "predict", "--run", run, "--input", "shards/test", "--queries", 6, "--out", "predicted" + at
    yield ("decoder", "predict", "train-decoder", "--run", run, "--input", "shards/train", "--block", "2,2", "--width", 16,
           "--depth", 1, "--heads", 2, "--steps", 20, "--batch", 8, "--out", "decoder" + at)
    yield ("sketch", "predict", "sketch", "--decoder", "decoder" + at, "--input", "shards/test", "--queries", 3, "--samples",
           2, "--steps", 2, "--out", "sketch" + at)


def work(build, options, first):
    """The steps that failed. All use the network that the first build trained, if that is another one."""
    build.prepare()
    failed = []
    for ranks in options.ranks:
        for step, *words in [*pretraining(ranks), *uses(ranks)]:
            needed = step == "pretrain_float32"
            if (needed or options.only in step) and build(f"{step} on {ranks}", ranks, *words):
                failed.append(f"{step} on {ranks}")
            if needed:
                shutil.copytree(first / f"run_float32_{ranks}", build.place / f"pretrained_{ranks}")
    return failed


def differing(one, other):
    for name in sorted(one.keys() | other.keys()):
        if one.get(name) != other.get(name):
            yield name, one.get(name), other.get(name)


def compare(options, place):
    said, made, found = [], [], []
    for folder, name in ((options.one, "first"), (options.other, "second")):
        build = Build(folder, place / "work")
        failed = work(build, options, build.place if not made else place / "first")
        found += [f"{name}: {step} failed:\n{build.said[step]}" for step in failed]
        said.append(build.speech())
        made.append(build.files())
        build.place.rename(place / name)
    for name, one, other in differing(*made):
        found.append(f"{name} " + ("differs" if one and other else "is made by one alone"))
    for step, one, other in differing(*said):
        pairs = itertools.zip_longest((one or "").splitlines(), (other or "").splitlines(), fillvalue="")
        lines = [f"  - {a}\n  + {b}" for a, b in pairs if a != b]
        found.append("\n".join([f"{step} says:", *lines[:6]]))
    print(*found, f"{len(made[0])} files and what {len(said[0])} programs said: {len(found) or 'no'} differences", sep="\n")
    return bool(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("one", help="folder of programs")
    parser.add_argument("other", help="folder of the other ones")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", default="", help="steps with this in their name")
    parser.add_argument("--keep", type=pathlib.Path, help="work here, and leave what was made")
    options = parser.parse_args()
    if options.keep:
        return compare(options, options.keep)
    with tempfile.TemporaryDirectory() as folder:
        return compare(options, pathlib.Path(folder))


if __name__ == "__main__":
    sys.exit(main())
