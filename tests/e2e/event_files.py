#!/usr/bin/env python3
"""Event files of a run that was resumed twice, read back by TensorBoard itself: every step once, figures
as in metrics.csv, pictures and histograms whole; and metrics.csv by pandas and trackio.
usage: event_files.py BIN_FOLDER, where tests/python_packages.sh has installed what it reads with"""
import contextlib
import csv
import io
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from built_python import needed

TRACKED = tempfile.TemporaryDirectory()
os.environ["TRACKIO_DIR"] = TRACKED.name  # read when it is imported
with needed():
    import pandas
    import trackio
    from PIL import Image
    from tensorboard.backend.event_processing import event_accumulator, event_file_loader
    from trackio.sqlite_storage import SQLiteStorage

BIN = pathlib.Path(sys.argv[1]).resolve()
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
SETTINGS = {"model.name": "custom", "model.width": 24, "model.depth": 2, "model.heads": 3,
            "model.patch": 8, "model.image_height": 32, "model.image_width": 32,
            "model.predictor.width": 12, "model.predictor.depth": 1, "mask.min_keep": 1,
            "mask.target_scale_min": 0.3, "mask.target_scale_max": 0.5, "mask.truncate_group": 6,
            "data.shards": "shards/train", "data.threads": 1, "optim.global_batch": 6,
            "optim.epochs": 8, "optim.warmup_epochs": 0, "run.dir": "run", "run.health_every": 4,
            "run.health_images": 12, "run.log_every": 2, "run.checkpoint_steps": 12,
            "run.keep_last": 9, "eval.test_shards": "shards/test", "eval.every_epochs": 2}
problems = []


def expect(good, text):
    if not good:
        problems.append(text)


def program(*words):
    done = subprocess.run([str(BIN / words[0]), *map(str, words[1:])], text=True, env=ENVIRONMENT,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stdout}")
    return done.stdout


def train(**changes):
    words = [word for key, value in {**SETTINGS, **changes}.items() for word in ("--set", f"{key}={value}")]
    return program("ijepa-pretrain", "empty.toml", *words)


def event_files():
    return sorted(map(str, pathlib.Path("run").glob("*tfevents*")))


def told_twice():
    """(tag, step) pairs that stand in the files more than once, whatever a reader makes of them."""
    seen, twice = set(), []
    for path in event_files():
        for event in event_file_loader.EventFileLoader(path).Load():
            for value in event.summary.value:
                key = (value.tag, event.step)
                twice += [key] * (key in seen)
                seen.add(key)
    return twice


def board():
    loaded = event_accumulator.EventAccumulator("run", size_guidance={"scalars": 0, "images": 0,
                                                                      "tensors": 0, "histograms": 0})
    return loaded.Reload()


def check_figures(loaded, rows):
    for tag, column in (("loss/train", "loss"), ("optim/learning_rate", "lr"),
                        ("speed/images_per_second", "images_per_second")):
        told = {e.step: e.value for e in loaded.Scalars(tag)}
        expect(sorted(told) == list(range(2, 25, 2)), f"{tag} is told of steps {sorted(told)}")
        for step, value in told.items():
            wanted = float(rows[step - 1][column])
            expect(abs(value - wanted) <= 1e-6 * abs(wanted), f"{tag} of {step}: {value}, not {wanted}")
    for tag in ("health/rankme", "loss/held_out", "loss/zero", "loss/place_only"):
        steps = [e.step for e in loaded.Scalars(tag)]
        expect(steps == list(range(4, 25, 4)), f"{tag} is told of steps {steps}")
    steps = [e.step for e in loaded.Scalars("evaluation/knn_top1")]
    expect(steps == [0, 6, 12, 18, 24], f"evaluation is told of steps {steps}")


def check_pictures(loaded):
    for tag, size in (("pictures/masks", None), ("pictures/patches", None)):
        for event in loaded.Images(tag):
            picture = Image.open(io.BytesIO(event.encoded_image_string))
            picture.load()
            expect(picture.size == (event.width, event.height), f"{tag} is {picture.size}")
    expect([e.step for e in loaded.Images("pictures/patches")] == list(range(4, 25, 4)),
           "pictures of patches are told of other steps")
    for event in loaded.Histograms("features/variance"):
        value = event.histogram_value
        expect(value.num == 24 and sum(value.bucket) == 24, f"a histogram counts {value.num}")


def check_trackio(rows):
    """Its importer keeps ten letters of a name; the columns asked for here are shorter."""
    with contextlib.redirect_stdout(io.StringIO()):
        trackio.import_csv("run/metrics.csv", project="ijepa", name="run")
    read = SQLiteStorage.get_logs("ijepa", "run")
    expect([row["step"] for row in read] == list(range(1, 25)), "trackio reads other steps")
    for column in ("loss", "lr"):
        expect([row[column] for row in read] == [float(row[column]) for row in rows],
               f"trackio reads another {column}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        program("ijepa-synth", "--out", "images", "--classes", "3", "--train", "18", "--test", "12",
                "--size", "32", "--threads", "1")
        program("ijepa-shards", "images", "--out", "shards", "--threads", "1")
        pathlib.Path("empty.toml").write_text("[run]\n", encoding="utf-8")
        train(**{"optim.max_steps": 15})
        # As after a kill: the run goes on from step 12, and then, its end lost, from there once more.
        for last in (15, 24):
            shutil.rmtree(f"run/checkpoints/step_{last:08}")
            train()
        with open("run/metrics.csv", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        expect(not told_twice(), f"told twice: {told_twice()}")
        loaded = board()
        check_figures(loaded, rows)
        check_pictures(loaded)
        table = pandas.read_csv("run/metrics.csv").set_index("step")
        expect(list(table.index) == list(range(1, 25)), "pandas reads other steps")
        expect(all(kind.kind in "if" for kind in table.dtypes), f"pandas reads {table.dtypes}")
        check_trackio(rows)
        train(**{"run.dir": "quiet", "run.tensorboard": "false", "optim.max_steps": 2})
        expect(not list(pathlib.Path("quiet").glob("*tfevents*")), "run.tensorboard=false writes files")
    TRACKED.cleanup()
    print(*problems, f"event files: {len(problems)} problems", sep="\n")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
