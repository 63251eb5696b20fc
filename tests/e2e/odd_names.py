#!/usr/bin/env python3
"""Every program where folders and files have names that are no UTF-8, as old archives bring them: it does
its work, what it writes is UTF-8, and what it finds again by a path that it wrote is there.

usage: odd_names.py BIN_FOLDER"""
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from grey_png import grey_png  # noqa: E402

RECIPE = """
[model]
name = "custom"
width = 48
depth = 2
heads = 2
patch = 4
image_height = 32
image_width = 32
[model.predictor]
width = 24
depth = 1
[mask]
min_keep = 2
truncate_group = 16
[optim]
global_batch = 16
max_steps = 2
"""
CLASSES = """masks = "index"
[[class]]
name = "ground"
mask = [0, 0, 0]
[[class]]
name = "thing"
mask = [255, 255, 255]
"""
ODD = b"\xe9"  # an e with an accent, in latin-1


class Programs:
    def __init__(self, folder):
        self.folder = os.fsencode(pathlib.Path(folder).resolve())

    def __call__(self, program, *words):
        command = [self.folder + b"/ijepa-" + program.encode(), *(w.encode() if isinstance(w, str) else w for w in words)]
        done = subprocess.run(command, capture_output=True, check=False)
        said = (done.stdout + done.stderr).decode(errors="backslashreplace")
        if done.returncode != 0 or "json.exception" in said:
            sys.exit(f"{program} {words}: exit code {done.returncode}\n{said}")


def prepare(run):
    """A run and images with odd names; masks of them."""
    run("synth", "--out", "pictures", "--train", "40", "--test", "20", "--size", "32")
    pathlib.Path("recipe.toml").write_text(RECIPE, encoding="utf-8")
    run("shards", "pictures", "--out", "shards")
    run("pretrain", "recipe.toml", "--set", "data.shards=shards/train", "--set", "run.dir=run")
    os.rename(b"run", b"run" + ODD)
    images = b"images" + ODD
    os.mkdir(images)
    for at, name in enumerate(sorted(os.listdir("pictures/train"))[:2]):
        os.rename(f"pictures/train/{name}".encode(), images + b"/class" + ODD + str(at).encode())
    for at in range(4):
        for folder, pixel in (("i", lambda x, y: 5 * x), ("m", lambda x, y: x // 16)):
            grey_png(pathlib.Path(folder, f"{at}.png"), 32, pixel)
    os.rename(b"i", b"i" + ODD)
    os.rename(b"m", b"m" + ODD)
    pathlib.Path("classes.toml").write_text(CLASSES, encoding="utf-8")


def use(run):
    odd, images, pairs = b"run" + ODD, b"images" + ODD, (b"i" + ODD, b"m" + ODD)
    out = [b"out%d" % i + ODD for i in range(12)]
    run("shards", images, "--out", out[0])
    run("infer", "--run", odd, "--input", images, "--out", out[1], "--csv")
    run("search", "--features", out[1], "--query", "0", "--k", "2", "--out", out[2])
    run("probe", "--run", odd, "--train", "shards/train", "--test", "shards/test", "--out", out[3],
        "--linear-epochs", "1")
    run("predict", "--run", odd, "--input", images, "--out", out[4])
    run("predict", "train-decoder", "--run", odd, "--input", images, "--out", out[9], "--block", "2,2", "--width", "16",
        "--depth", "1", "--heads", "2", "--steps", "2", "--batch", "4")
    run("predict", "sketch", "--decoder", out[9], "--input", images, "--queries", "2", "--samples", "2", "--steps", "1",
        "--out", out[10])
    run("weights", "export", odd, "--format", "huggingface", "--out", out[5])
    run("weights", "import", out[5], "--out", out[6])
    run("segment", "train", "--run", odd, "--config", "classes.toml", "--train-images", pairs[0], "--train-masks", pairs[1],
        "--valid-images", pairs[0], "--valid-masks", pairs[1], "--out-dir", out[7], "--imgsz", "32", "32", "--epochs", "1")
    run("segment", "infer", "--weights", out[7] + b"/best_model_iou", "--input", pairs[0], "--out-dir", out[8])
    run("plot", "report", odd)
    run("inspect", out[0])


def main():
    run = Programs(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        prepare(run)
        use(run)
        for place, _, files in os.walk(b"."):
            for name in files:
                if name.endswith((b".json", b".csv", b".toml", b".html")):
                    with open(os.path.join(place, name), encoding="utf-8") as text:
                        text.read()
    print("every program took names that are no UTF-8")


if __name__ == "__main__":
    main()
