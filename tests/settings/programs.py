#!/usr/bin/env python3
"""Every option of the programs that evaluate changes what a small run leaves, or a table says why it
need not. Options are read from --help, so a new one without an entry fails, and so does a number
without a range.
usage: programs.py BIN_FOLDER"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from grey_png import grey_png  # noqa: E402

BIN = pathlib.Path(sys.argv[1]).resolve()
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
WEIGHTS = "another program's weights, or one checkpoint, in place of --run (pretrained_test)"
THREADS = "equal results on any number of threads (determinism_test)"
SUFFIX = "which names belong together (segmentation: pairs)"
DEVICE = "rounding alone, and cuda takes a GPU"
OUT = "where the results are"
BAD = "of images that cannot be read (infer_test, classify_test)"
found = []


# HDF5 dates what it writes, and a training that can go on keeps the seconds it took.
TIMED = re.compile(r"\.h5$|manifest\.json$|/training/")


def without_times(path):
    """A file's bytes, and a table's without its column of seconds."""
    if path.suffix != ".csv":
        return path.read_bytes()
    lines = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]
    at = lines[0].index("seconds") if lines and "seconds" in lines[0] else len(lines[0])
    return [line[:at] + line[at + 1:] for line in lines]


def run(*words):
    return subprocess.run([str(BIN / words[0]), *words[1:]], text=True, env=ENVIRONMENT,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def prepare(*words):
    done = run(*words)
    if done.returncode:
        sys.exit(f"{' '.join(words)}\n{done.stdout}")


class Program:
    """`usual`: what every run is given. `effects`: option -> (its words, words beside them, or none);
    `neutral`: option -> reason. Results are the files in the folder OUT, and what is printed where
    nothing else is left."""

    def __init__(self, words, usual, effects, neutral, printed=False):
        self.words, self.usual, self.printed = words.split(), usual.split(), printed
        self.effects, self.neutral = effects, neutral
        self.known = {}

    def options(self):
        text = run(*self.words, "--help").stdout
        return {names.split(",")[-1] for names in re.findall(r"^  (-[^\s{]+)", text, re.MULTILINE)
                } - {"--help", "--version", "--print"}

    def numbers_without_range(self):
        text = run(*self.words, "--help").stdout
        return re.findall(r"^  (-\S+) (?:UINT|INT|FLOAT)(?!:)", text, re.MULTILINE)

    def results(self, words):
        subprocess.run(["rm", "-rf", "OUT"], check=True)
        done = run(*self.words, *words)
        files = {str(path): without_times(path) for path in pathlib.Path("OUT").rglob("*")
                 if path.is_file() and not TIMED.search(str(path))}
        if done.returncode:
            files["problem"] = done.stdout
        if self.printed:
            files["printed"] = re.sub(".*/s.*\n", "", done.stdout)
        return files

    def usual_results(self, words):
        if words not in self.known:
            self.known[words] = self.results([*words])
            again = self.results([*words])
            different = {name for name in {*self.known[words], *again}
                         if self.known[words].get(name) != again.get(name)}
            if different:
                found.append(f"{' '.join([*self.words, *words])}: another time other {different}")
        return self.known[words]

    def check(self):
        options = self.options()
        for option in self.numbers_without_range():
            found.append(f"{' '.join(self.words)} {option} takes any number")
        for option in options - {*self.effects, *self.neutral}:
            found.append(f"{' '.join(self.words)} {option} is in no table")
        for option in {*self.effects, *self.neutral} - options:
            found.append(f"{' '.join(self.words)} has no option {option}")
        for option, (changed, *given) in self.effects.items():
            base = tuple(given[0].split() if given else self.usual)
            results = self.results([*base, *self.words_of(option, changed)])
            usual = self.usual_results(base)
            if results == usual:
                found.append(f"{' '.join([*self.words, *base])}: {option} {changed} has no effect")
            if "problem" in results:
                found.append(f"{' '.join([*self.words, *base])} {option} {changed}: "
                             f"{results['problem']}")

    @staticmethod
    def words_of(option, changed):
        return [option, *changed.split()] if changed != "" else [option]


def write_mask(path, size, seed):
    """A grey PNG of class numbers: 0 left, 1 right of a line."""
    line = 4 + seed % (size - 8)
    grey_png(path, size, lambda x, y: int(x >= line))


def make_inputs():
    prepare("ijepa-synth", "--out", "images", "--classes", "3", "--train", "18", "--test", "12",
            "--size", "32", "--encoding", "png", "--threads", "1")
    prepare("ijepa-shards", "images", "--out", "shards", "--threads", "1")
    settings = {"model.name": "custom", "model.width": 24, "model.depth": 4, "model.heads": 3,
                "model.patch": 8, "model.image_height": 32, "model.image_width": 32,
                "model.predictor.width": 12, "model.predictor.depth": 1, "mask.min_keep": 1,
                "mask.target_scale_min": 0.3, "mask.target_scale_max": 0.5, "mask.truncate_group": 6,
                "data.shards": "shards/train", "data.threads": 1, "optim.global_batch": 6,
                "optim.epochs": 1, "optim.warmup_epochs": 0, "optim.lr": 0.01, "optim.ema_start": 0.9,
                "run.health_every": 0}
    pathlib.Path("run.toml").write_text("[run]\n", encoding="utf-8")
    for name, seed in (("run", 0), ("other", 1)):
        prepare("ijepa-pretrain", "run.toml", *(word for key, value in
                {**settings, "run.dir": name, "run.seed": seed}.items()
                for word in ("--set", f"{key}={value}")))
    pathlib.Path("list.txt").write_text("0\n1\n2\n", encoding="utf-8")
    for split in ("train", "test"):
        for kind in ("pictures", "masks"):
            pathlib.Path(f"{kind}/{split}").mkdir(parents=True)
        for number, image in enumerate(sorted(pathlib.Path("images", split).rglob("*.png"))[:4]):
            pathlib.Path(f"pictures/{split}/{number}.png").write_bytes(image.read_bytes())
            write_mask(pathlib.Path(f"masks/{split}/{number}.png"), 32, 7 * number)
    for name, ignored in (("classes", -1), ("others", 1)):
        pathlib.Path(f"{name}.toml").write_text(
            f'masks = "index"\nignore_index = {5 if ignored < 0 else 4}\n'
            '[[class]]\nname = "left"\ndraw = [0, 0, 0]\n'
            f'[[class]]\nname = "{name}"\ndraw = [255, 0, 0]\n', encoding="utf-8")
    prepare("ijepa-infer", "--run", "run", "--input", "shards/train", "--out", "features")
    # One that knows its images, so that its labels are of more than one class.
    tuned = SEGMENT.replace("--epochs 1", "--epochs 30 --fine-tune --no-augment").split()
    prepare("ijepa-segment", *tuned, "--out-dir", "segmenter")
    prepare("ijepa-segment", *SEGMENT.split(), "--out-dir", "other_segmenter")
    prepare("ijepa-classify", *CLASSIFY.split(), "--out-dir", "classifier")
    prepare("ijepa-classify", *CLASSIFY.split(), "--lr", "0.5", "--out-dir", "other_classifier")
    for name, rate in (("decoder", "0.01"), ("other_decoder", "0.02")):
        prepare("ijepa-predict", "train-decoder", *DECODER.replace("--lr 0.02 --out OUT", "").split(), "--lr", rate,
                "--out", name)


SEGMENT = ("train --run run --config classes.toml --train-images pictures/train --train-masks masks/train "
           "--valid-images pictures/test --valid-masks masks/test --imgsz 32 32 --epochs 1 --lr 0.01")
CLASSIFY = ("train --run run --train-dir images/train --valid-dir images/test --epochs 1 --batch-size 6 "
            "--set data.threads=1")
PROBE = "--run run --test shards/test --knn-k 5 --linear-epochs 2 --lr 0.1 --wd 0 --batch 8 --no-cache --out OUT"
INFER = "--run run --input shards/test --out OUT"
SEARCH = "--features features --query 0 --k 3 --out OUT"
PREDICT = "--run run --input shards/test --queries 3 --out OUT"
DECODER = "--run run --input shards/train --block 2,2 --width 16 --depth 1 --heads 2 --steps 12 --batch 4 --lr 0.02 --out OUT"
SKETCH = "--decoder decoder --input shards/test --queries 3 --samples 2 --steps 2 --out OUT"


def programs():
    yield Program("ijepa-probe", PROBE, {
        "--run": ("other", PROBE.replace("--run run", "")),
        "--train": ("shards/test",), "--test": ("shards/train", PROBE.replace("--test shards/test", "")),
        "--encoder": ("context",), "--precision": ("bfloat16",), "--layers": ("2",), "--subset": ("4/class",),
        "--protocol": ("paper",),
        "--views": ("augmented",), "--knn-k": ("3", PROBE.replace("--knn-k 5", "")), "--knn-temperature": ("10",),
        "--linear-epochs": ("4", PROBE.replace("--linear-epochs 2", "")),
        "--batch": ("4", PROBE.replace("--batch 8", "")), "--optimizer": ("lars",),
        "--lr": ("0.9", PROBE.replace("--lr 0.1", "")), "--wd": ("0.5", PROBE.replace("--wd 0", "")),
        "--decay-epochs": ("1",), "--validation-share": ("0.4",), "--seed": ("1",)},
        {"--checkpoint": WEIGHTS, "--threads": THREADS, "--out": OUT,
         "--cache": "the same features from a file (probe_test)",
         "--no-cache": "the same features, computed anew (probe_test)", "--skip-bad": BAD})
    yield Program("ijepa-infer", INFER, {
        "--run": ("other", INFER.replace("--run run", "")),
        "--input": ("shards/train", INFER.replace("--input shards/test", "")),
        "--encoder": ("context",), "--precision": ("bfloat16",), "--keep": ("both",), "--csv": ("",), "--pca": ("0",),
        "--part-images": ("4",)},
        {"--skip-bad": BAD, "--checkpoint": WEIGHTS, "--threads": THREADS, "--out": OUT})
    yield Program("ijepa-search", SEARCH, {
        "--features": ("features", SEARCH.replace("--features features", "")),
        "--query": ("1",), "--image": ("pictures/test/0.png",), "--all": ("", SEARCH.replace("--query 0", "")),
        "--k": ("2", SEARCH.replace("--k 3", "")), "--centred": ("",), "--index": ("IVF2,Flat",),
        "--beside": ("features",),
        "--pair": ("pictures/test/0.png pictures/test/1.png", "--run run"),
        "--run": ("other", "--pair pictures/test/0.png pictures/test/1.png"),
        "--encoder": ("context", "--run run --pair pictures/test/0.png pictures/test/1.png"),
        },
        {"--images": "where the pictures of hits.png are, if not where they were (search_test)",
         "--checkpoint": WEIGHTS, "--threads": THREADS, "--out": OUT}, printed=True)
    yield Program("ijepa-predict", PREDICT, {
        "--run": ("other", PREDICT.replace("--run run", "")),
        "--input": ("shards/train", PREDICT.replace("--input shards/test", "")),
        "--image": ("1",), "--queries": ("4", PREDICT.replace("--queries 3", "")), "--box": ("0,0,2,2",),
        "--bank": ("shards/train",), "--bank-images": ("5",), "--k": ("2",), "--show": ("1",),
        "--seed": ("1",)},
        {"--skip-bad": BAD, "--checkpoint": WEIGHTS, "--threads": THREADS, "--out": OUT})
    yield Program("ijepa-predict train-decoder", DECODER, {
        "--run": ("other", DECODER.replace("--run run", "")),
        "--input": ("shards/test", DECODER.replace("--input shards/train", "")),
        "--block": ("2,1", DECODER.replace("--block 2,2", "")), "--width": ("24", DECODER.replace("--width 16", "")),
        "--depth": ("2", DECODER.replace("--depth 1", "")), "--heads": ("1", DECODER.replace("--heads 2", "")),
        "--steps": ("13", DECODER.replace("--steps 12", "")), "--batch": ("5", DECODER.replace("--batch 4", "")),
        "--lr": ("0.01", DECODER.replace("--lr 0.02", "")), "--images": ("5",), "--seed": ("1",)},
        {"--checkpoint": WEIGHTS, "--threads": THREADS, "--out": OUT, "--skip-bad": BAD,
         "--average": "of the weights that draw, which are not in a table (train_decoder_test)",
         "--cache-mib": "fewer images than a small run has need less (prediction: train_decoder_test)",
         "--checkpoint-minutes": "when the same state is saved (train_decoder_test)",
         "--max-seconds": "stops, to go on with the same bits (e2e.decoder)"})
    yield Program("ijepa-predict sketch", SKETCH, {
        "--decoder": ("other_decoder", SKETCH.replace("--decoder decoder", "")),
        "--input": ("shards/train", SKETCH.replace("--input shards/test", "")),
        "--image": ("1 2",), "--queries": ("4", SKETCH.replace("--queries 3", "")),
        "--samples": ("3", SKETCH.replace("--samples 2", "")), "--steps": ("3", SKETCH.replace("--steps 2", "")),
        "--guidance": ("3",), "--show": ("1",), "--seed": ("1",)},
        {"--run": "where the one network that fits lies (prediction: sketch_test)", "--checkpoint": WEIGHTS,
         "--threads": THREADS, "--out": OUT, "--skip-bad": BAD})
    segment = SEGMENT.removeprefix("train ") + " --out-dir OUT"
    yield Program("ijepa-segment train", segment, {
        "--run": ("other", segment.replace("--run run", "")),
        "--config": ("others.toml", segment.replace("--config classes.toml", "")),
        "--train-images": ("pictures/test", segment.replace("--train-images pictures/train", "")),
        "--train-masks": ("masks/test", segment.replace("--train-masks masks/train", "")),
        "--valid-images": ("pictures/train", segment.replace("--valid-images pictures/test", "")),
        "--valid-masks": ("masks/train", segment.replace("--valid-masks masks/test", "")),
        "--imgsz": ("40 32", segment.replace("--imgsz 32 32", "")),
        "--epochs": ("2", segment.replace("--epochs 1", "")), "--batch": ("2",),
        "--lr": ("0.1", segment.replace("--lr 0.01", "")), "--weight-decay": ("0.5",),
        "--scheduler": ("", segment.replace("--epochs 1", "--epochs 2 --scheduler-epochs 1")),
        "--scheduler-epochs": ("1", segment.replace("--epochs 1", "--epochs 2 --scheduler")),
        "--train-list": ("list.txt",), "--valid-list": ("list.txt",),
        "--precision": ("bfloat16",), "--fine-tune": ("",), "--encoder": ("context",), "--tokens": ("patches",),
        "--no-augment": ("",),
        "--seed": ("1",)},
        {"--checkpoint": WEIGHTS, "--threads": THREADS, "--device": DEVICE, "--out-dir": OUT,
         "--image-suffix": SUFFIX, "--mask-suffix": SUFFIX,
         "--ignore-exif": "of pictures that EXIF turns (segmentation: labels_test)"})
    labels = "--weights segmenter/last_model --input pictures/train --out-dir OUT"
    yield Program("ijepa-segment infer", labels, {
        "--weights": ("other_segmenter/last_model",
                      labels.replace("--weights segmenter/last_model", "")),
        "--input": ("pictures/test", labels.replace("--input pictures/train", "")),
        "--imgsz": ("40 40",), "--window": ("", labels + " --imgsz 24 24"),
        "--stride": ("0.1", labels + " --window --imgsz 24 24"), "--masks": ("",), "--legend": ("",)},
        {"--precision": "rounding alone, which moves few labels (segmentation: train_test)",
         "--run": "where the one encoder that fits lies (segmentation: infer_test)", "--skip-bad": BAD,
         "--checkpoint": WEIGHTS, "--threads": THREADS, "--device": DEVICE, "--out-dir": OUT})
    yield Program("ijepa-segment video", "", {}, {
        option: "films need a codec; as in ijepa-segment infer (segmentation: infer_test)"
        for option in ("--weights", "--input", "--out-dir", "--imgsz", "--window", "--stride", "--run",
                       "--checkpoint", "--precision", "--threads", "--device", "--legend", "--fps", "--no-rate",
                       "--codec")})
    yield Program("ijepa-classify train", "", {}, {
        option: "sets a key (classify_settings_test)"
        for option in ("--config", "--checkpoint", "--encoder", "--learning-rate", "--out-dir", "--run",
                       "--save-name", "--scheduler", "--threads", "--train-dir", "--transform",
                       "--valid-dir", "--batch-size", "--epochs", "--fine-tune", "--set")} | {"--skip-bad": BAD})
    answers = "--weights classifier/best_model --input images/test --out-dir OUT --top 3"
    yield Program("ijepa-classify infer", answers, {
        "--weights": ("other_classifier/best_model",
                      answers.replace("--weights classifier/best_model", "")),
        "--input": ("images/train", answers.replace("--input images/test", "")),
        "--top": ("1", answers.replace("--top 3", "")), "--precision": ("bfloat16",), "--no-pictures": ("",)},
        {"--skip-bad": BAD, "--threads": THREADS, "--out-dir": OUT})


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make_inputs()
        for program in programs():
            program.check()
        os.chdir("/")
    print(*found, f"options: {len(found)} complaints", sep="\n\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
