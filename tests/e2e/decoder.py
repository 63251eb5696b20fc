#!/usr/bin/env python3
"""A decoder as its user meets it: trained, stopped, trained on, asked, and refused.
usage: decoder.py BIN_FOLDER"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

BIN = pathlib.Path(sys.argv[1]).resolve()
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
DECODER = ("train-decoder --run run --input shards/train --block 2,2 --width 32 --depth 1 --heads 2 --batch 8 "
           "--lr 0.003").split()
STEPS = "1500"
found = []


def run(*words):
    return subprocess.run([str(BIN / words[0]), *words[1:]], text=True, env=ENVIRONMENT,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def expect(code, *words, says=""):
    done = run(*words)
    if done.returncode != code or says not in done.stdout:
        found.append(f"{' '.join(words)}: code {done.returncode}, not {code}, and no \"{says}\" in\n{done.stdout}")
    return done.stdout


def prepare():
    expect(0, "ijepa-synth", "--out", "images", "--classes", "3", "--train", "40", "--test", "12",
           "--size", "32", "--encoding", "png", "--threads", "1")
    expect(0, "ijepa-shards", "images", "--out", "shards", "--threads", "1")
    settings = {"model.name": "custom", "model.width": 24, "model.depth": 2, "model.heads": 3,
                "model.patch": 8, "model.image_height": 32, "model.image_width": 32,
                "model.predictor.width": 12, "model.predictor.depth": 1, "mask.min_keep": 1,
                "mask.target_scale_min": 0.3, "mask.target_scale_max": 0.5, "mask.truncate_group": 6,
                "data.shards": "shards/train", "data.threads": 1, "optim.global_batch": 24,
                "optim.epochs": 1, "optim.warmup_epochs": 0, "run.health_every": 0}
    pathlib.Path("run.toml").write_text("[run]\n", encoding="utf-8")
    for name, seed in (("run", 0), ("other", 1)):
        expect(0, "ijepa-pretrain", "run.toml", *(word for key, value in
               {**settings, "run.dir": name, "run.seed": seed}.items() for word in ("--set", f"{key}={value}")))


def newest(folder):
    """The tensors' checksums in its newest checkpoint."""
    step = sorted(pathlib.Path(folder, "checkpoints").iterdir())[-1]
    manifest = json.loads((step / "manifest.json").read_text(encoding="utf-8"))
    return step.name, [(t["group"], t["name"], [p["xxh3"] for p in t["pieces"]]) for t in manifest["tensors"]]


def check_stops():
    """By time and by a signal: code 85, and the bits of a training that was never stopped."""
    expect(0, "ijepa-predict", *DECODER, "--steps", STEPS, "--out", "whole", says=f"{STEPS} steps")
    words = ["ijepa-predict", *DECODER, "--steps", STEPS, "--out", "parts"]
    expect(85, *words, "--max-seconds", "0.3", says="the same command goes on from here")
    with subprocess.Popen([str(BIN / words[0]), *words[1:]], env=ENVIRONMENT, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as program:
        # Signals are received from before this line on; the steps after it take seconds.
        output = next((line for line in program.stdout if "blocks of 2 x 2 patches" in line), "no such line")
        program.send_signal(signal.SIGTERM)
        output += program.communicate()[0]
    if program.returncode != 85:
        found.append(f"after SIGTERM: code {program.returncode}\n{output}")
    expect(0, *words)
    if not found and newest("whole") != newest("parts"):
        found.append("a training that was stopped twice has other bits")


def check_sketch():
    expect(0, "ijepa-predict", "sketch", "--decoder", "whole", "--input", "shards/test", "--queries", "4",
           "--steps", "3", "--out", "sketch", says="the predictor's s")
    for name in ("sketch.png", "sketch.csv", "sketch.json"):
        if not pathlib.Path("sketch", name).stat().st_size:
            found.append(f"{name} is empty")


def check_no_picture():
    """What is said to be written is there, and no picture of an earlier call."""
    for name, words in (("sketch", ["sketch", "--decoder", "whole", "--steps", "1"]), ("predict", ["--run", "run"])):
        ask = ["ijepa-predict", *words, "--input", "shards/test", "--queries", "2", "--out", "pictures"]
        expect(0, *ask, "--show", "1", says=f"{name}.json, {name}.png\n")
        if not pathlib.Path("pictures", f"{name}.png").exists():
            found.append(f"no {name}.png")
        expect(0, *ask, "--show", "0", says=f"{name}.json\n")
        if pathlib.Path("pictures", f"{name}.png").exists():
            found.append(f"--show 0 leaves an older {name}.png")


def check_refusals():
    ask = ["ijepa-predict", "sketch", "--input", "shards/test", "--out", "nothing", "--decoder"]
    expect(1, *ask, "whole", "--run", "other", says="another network")
    expect(1, *ask, "run", says="holds no decoder")
    expect(1, "ijepa-predict", *DECODER, "--steps", STEPS, "--out", "images", says="choose another by --out")
    expect(1, "ijepa-predict", *DECODER, "--steps", "7", "--out", "whole", says="other settings")
    expect(1, *ask, "whole", "--image", "0", "--image", "0", says="its own control")
    expect(105, *ask, "whole", "--threads", "-2", says="-2 is not allowed; it must be a whole number, 0 to 1024.")
    expect(106, "ijepa-predict", "--run", "run", says="--input")
    for early in (["--seed", "5"], ["--out", "early"], ["--skip-bad"]):
        expect(105, "ijepa-predict", *early, *ask[1:], "whole", says=f"{early[0]}: stands before sketch")
        expect(105, "ijepa-predict", *early, *DECODER, "--steps", STEPS, "--out", "whole", says="write it behind train-decoder")
    if pathlib.Path("nothing/sketch.csv").exists():
        found.append("a sketch that was refused left results")


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for part in (prepare, check_stops, check_sketch, check_no_picture, check_refusals):
            if not found:
                part()
        os.chdir("/")
    print(*found, f"decoder: {len(found)} complaints", sep="\n\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
