#!/usr/bin/env python3
"""Images of other channels from packing to search: grey PNGs of 16 bits and TIFFs of five channels, made
by Pillow and tifffile. What is measured is what numpy measures, ranks and a resume change no loss, and
what cannot be is refused in one sentence.
usage: channels.py BIN_FOLDER, where tests/python_packages.sh has installed what it writes with"""
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from built_python import needed

with needed():
    import h5py
    import numpy
    import onnxruntime
    import tifffile
    from PIL import Image

BIN = pathlib.Path(sys.argv[1]).resolve()
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OMPI_ALLOW_RUN_AS_ROOT": "1",
               "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1"}
SETTINGS = {"model.name": "custom", "model.width": 24, "model.depth": 2, "model.heads": 3,
            "model.patch": 8, "model.image_height": 32, "model.image_width": 32,
            "model.predictor.width": 12, "model.predictor.depth": 1, "mask.min_keep": 1,
            "mask.target_scale_min": 0.3, "mask.target_scale_max": 0.5, "mask.truncate_group": 6,
            "data.threads": 1, "data.flip": "true", "optim.global_batch": 12, "optim.epochs": 20,
            "optim.max_steps": 20, "optim.warmup_epochs": 0, "optim.lr": 1e-3, "loss.pixels": 0.5,
            "run.health_every": 10, "run.health_images": 6, "run.checkpoint_steps": 10}
CLASSES, IMAGES, SIZE = 2, 32, 40
problems = []


def expect(good, text):
    if not good:
        problems.append(text)


def start(*words, ranks=1):
    launcher = ["mpirun", "-n", str(ranks)] if ranks > 1 else []
    return subprocess.run([*launcher, str(BIN / words[0]), *map(str, words[1:])], text=True, env=ENVIRONMENT,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=240)


def program(*words, ranks=1):
    done = start(*words, ranks=ranks)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stdout}")
    return done.stdout


def refused(part, *words, ranks=1):
    """The program ends with a sentence that has `part` in it, and no other code than that of an error."""
    done = start(*words, ranks=ranks)
    text = " ".join(done.stdout.split())
    expect(done.returncode not in (0, 134, 139) and part in text,
           f"{' '.join(map(str, words))}\nended with {done.returncode}, not with '{part}':\n{done.stdout}")
    return text


def write_grey(path, values):
    Image.fromarray(values[..., 0]).save(f"{path}.png")


def write_bands(path, values):
    tifffile.imwrite(f"{path}.tif", values, photometric="minisblack", planarconfig="contig",
                     compression="zlib")


def make_images(folder, channels, write):
    """Stripes whose direction is the class, 12 bits of the 16; all values of all images of the set."""
    rng = numpy.random.default_rng(channels)
    y, x = numpy.mgrid[0:SIZE, 0:SIZE]
    everything = {}
    for split in ("train", "test"):
        pixels = []
        for kind in range(CLASSES):
            for number in range(IMAGES):
                wave = numpy.sin((x if kind else y) / 3 + rng.uniform(0, 6))[..., None]
                strength = numpy.linspace(0.3, 1, channels)
                values = 2000 + 1500 * wave * strength + rng.normal(0, 100, (SIZE, SIZE, channels))
                values = values.clip(0, 4095).astype(numpy.uint16)
                path = pathlib.Path(folder, split, f"class{kind}", str(number))
                path.parent.mkdir(parents=True, exist_ok=True)
                write(path, values)
                pixels.append(values)
        everything[split] = numpy.stack(pixels) / 65535
    return everything


def check_statistics(shards, channels, pixels):
    text = program("ijepa-shards", shards, "--statistics", "--channels", channels, "--threads", 2)
    expect(f"channels = {channels}\n" in text, f"statistics do not say {channels} channels:\n{text}")
    found = {}
    for key, exact in (("mean", pixels.mean((0, 1, 2))), ("std", pixels.std((0, 1, 2)))):
        found[key] = json.loads(re.search(rf"^{key} = (.*)$", text, re.M).group(1))
        expect(numpy.allclose(found[key], exact, rtol=1e-5), f"{key} {found[key]} is not {exact}")
    return {"data.channels": channels, "data.mean": found["mean"], "data.std": found["std"]}


def train(words, **changes):
    settings = {**SETTINGS, **words, **changes}
    return ["ijepa-pretrain", "empty.toml",
            *(word for key, value in settings.items() for word in ("--set", f"{key}={value}"))]


def losses(run):
    with open(f"{run}/metrics.csv", encoding="utf-8") as lines:
        names = next(lines).strip().split(",")
        return [line.split(",")[names.index("loss")] for line in lines]


def check_training(name, words):
    here = {"data.shards": f"{name}_shards/train"}
    plan = program(*train(words, **here, **{"run.dir": f"{name}_dry"}), "--dry-run")
    expect("micro" in plan, f"a dry run that says nothing: {plan}")
    program(*train(words, **here, **{"run.dir": f"{name}_run"}))
    program(*train(words, **here, **{"run.dir": f"{name}_ranks"}), ranks=2)
    program(*train(words, **here, **{"run.dir": f"{name}_parts", "optim.max_steps": 10}))
    program(*train(words, **here, **{"run.dir": f"{name}_parts"}))
    whole, parts, ranks = (losses(f"{name}_{run}") for run in ("run", "parts", "ranks"))
    expect(len(whole) == 20, f"{name}: {len(whole)} steps, not 20")
    expect(whole == parts, f"{name}: a resumed run has other losses")
    # Sums of micro-batches and of ranks round differently: the bound of tests/mpi/trainer_test.cpp.
    expect(numpy.allclose([*map(float, whole)], [*map(float, ranks)], rtol=1e-5, atol=0),
           f"{name}: two ranks have other losses: {whole} {ranks}")
    expect(float(whole[-1]) < float(whole[0]), f"{name}: the loss does not fall: {whole}")
    refused("data.channels", *train({}, **here, **{"run.dir": f"{name}_run"}))


def check_consumers(name, channels):
    run, shards = f"{name}_run", f"{name}_shards"
    said = program("ijepa-probe", "--run", run, "--test", f"{shards}/test", "--linear-epochs", 5, "--knn-k", 3,
                   "--batch", 8, "--no-cache", "--views", "augmented", "--out", f"{name}_probe")
    for row in ("trained", "untrained", "pixels", "histogram"):
        expect(row in said, f"{name}: the probe has no row {row}:\n{said}")
    said = program("ijepa-infer", "--run", run, "--input", f"{shards}/test", "--out", f"{name}_features",
                   "--pca", "0", "--pca", "1")
    shown = f"channels 1, 2 and 3 of {channels} as red, green and blue"
    expect(channels == 1 or shown in said, f"{name}: it is not said what is shown:\n{said}")
    program("ijepa-infer", "--run", run, "--input", f"{name}/test", "--out", f"{name}_of_files")
    program("ijepa-search", "--features", f"{name}_features", "--query", "0", "--out", f"{name}_hits")
    file = str(next(pathlib.Path(name, "test", "class0").iterdir()))
    program("ijepa-search", "--features", f"{name}_features", "--image", file, "--run", run)
    program("ijepa-predict", "--run", run, "--input", f"{shards}/test", "--out", f"{name}_predict",
            "--queries", "3")
    program("ijepa-classify", "train", "--run", run, "--train-dir", f"{name}/train", "--valid-dir",
            f"{name}/test", "--out-dir", f"{name}_classifier", "--epochs", "1", "--batch-size", "6", "--fine-tune",
            "--set", "data.threads=1", "--set", "data.mixup=0.8", "--set", "data.cutmix=1.0")
    program("ijepa-classify", "infer", "--weights", f"{name}_classifier/best_model", "--input", f"{name}/test",
            "--out-dir", f"{name}_classes")
    refused("data.rand_augment changes red, green and blue", "ijepa-classify", "train", "--run", run,
            "--train-dir", f"{name}/train", "--valid-dir", f"{name}/test", "--out-dir", f"{name}_augmented",
            "--set", "data.rand_augment=5")
    refused(f"takes images of {channels} channel", "ijepa-segment", "train", "--run", run, "--config",
            "classes.toml", "--train-images", f"{name}/train/class0", "--train-masks", f"{name}/train/class0",
            "--valid-images", f"{name}/test/class0", "--valid-masks", f"{name}/test/class0", "--out-dir",
            f"{name}_segmenter")
    program("ijepa-inspect", f"{shards}/test", "--contact-sheet", f"{name}_sheet.png")
    for picture in (f"{name}_features/pca.png", f"{name}_hits/hits.png", f"{name}_predict/predict.png",
                    f"{name}_sheet.png"):
        levels = numpy.asarray(Image.open(picture).convert("RGB"), dtype=float)
        expect(levels.std() > 10, f"{picture} shows nothing")
    said = program("ijepa-inspect", f"{shards}/test")
    expect(f"{channels} of 16 bits" in said, f"{name}: ijepa-inspect does not say the channels:\n{said}")
    refused(f"takes images of {channels} channel", "ijepa-predict", "train-decoder", "--run", run, "--input",
            f"{shards}/train", "--out", f"{name}_decoder", ranks=2)
    check_skip_bad(name)


def check_weights(name, words, write):
    run = f"{name}_run"
    for kind, out in (("authors", "a.pth.tar"), ("huggingface", "hf"), ("timm", "timm"), ("onnx", "e.onnx")):
        program("ijepa-weights", "export", run, "--format", kind, "--out", f"{name}_{out}")
    mean, std = (map(str, words[f"data.{key}"]) for key in ("mean", "std"))
    said = program("ijepa-weights", "import", f"{name}_a.pth.tar", "--heads", 3, "--out", f"{name}_back",
                   "--mean", *mean, "--std", *std)
    channels = words["data.channels"]
    expect(f"{channels} channel" in said, f"{name}: an import does not say the channels:\n{said}")
    program("ijepa-weights", "import", f"{name}_a.pth.tar", "--heads", 3, "--out", f"{name}_as_said")
    expect(program("ijepa-weights", "show", f"{name}_a.pth.tar", "--heads", 3).count("deviation") == 1,
           f"{name}: what is shown of weights lacks a deviation")
    refused("--mean says one for each", "ijepa-weights", "import", f"{name}_a.pth.tar", "--heads", 3, "--out",
            f"{name}_none", "--mean", "0.5", "0.4")
    check_onnx(name, words, write)
    refused(f"takes images of {channels} channel",
            *train({}, **{"data.shards": f"{name}_shards/train", "run.dir": f"{name}_other"}),
            "--init-from", run)


def infer_as_they_are(name, write, pixels):
    """Features of images of the crop's size, which nothing resizes."""
    folder = pathlib.Path(f"{name}_exact")
    folder.mkdir(exist_ok=True)
    for number, values in enumerate(pixels):
        write(folder / str(number), values)
    program("ijepa-infer", "--run", f"{name}_run", "--input", folder, "--out", f"{name}_exact_features", "--csv")
    with h5py.File(next(pathlib.Path(f"{name}_exact_features").glob("*.h5"))) as file:
        return file["features"][:]


def check_onnx(name, words, write):
    """The model that normalises inside says of 16 bits what the other says of normalised numbers, and
    both what ijepa-infer says."""
    program("ijepa-weights", "export", f"{name}_run", "--format", "onnx", "--include-normalization", "--out",
            f"{name}_inside.onnx")
    pixels = numpy.random.default_rng(0).integers(0, 4096, (2, 32, 32, words["data.channels"]), numpy.uint16)
    normal = (pixels / 65535 - words["data.mean"]) / words["data.std"]
    inside, outside = (onnxruntime.InferenceSession(f"{name}_{file}.onnx", providers=["CPUExecutionProvider"])
                       for file in ("inside", "e"))
    told = inside.run(["pooled"], {"images": pixels})[0]
    asked = outside.run(["pooled"], {"images": normal.transpose(0, 3, 1, 2).astype(numpy.float32)})[0]
    expect(numpy.allclose(told, asked, atol=1e-3), f"{name}: the two ONNX models differ: {told} {asked}")
    own = infer_as_they_are(name, write, pixels)
    expect(numpy.allclose(own, asked, atol=1e-3), f"{name}: ijepa-infer and ONNX differ: {own} {asked}")


def check_packing_of_16_bits():
    """A TIFF of 16 bits stays as it is where its bits are kept, and is a PNG of 8 where they are not."""
    folder = pathlib.Path("scans", "class0")
    folder.mkdir(parents=True)
    values = numpy.arange(40 * 40, dtype=numpy.uint16).reshape(40, 40) * 40
    tifffile.imwrite(folder / "one.tif", values, photometric="minisblack", compression="zlib")
    stored = {}
    for channels in (1, 3):
        program("ijepa-shards", "scans", "--out", f"scan_shards_{channels}", "--no-splits", "--channels", channels)
        shard = next(pathlib.Path(f"scan_shards_{channels}").rglob("*.h5"))
        with h5py.File(shard) as file:
            stored[channels] = file["images"][:].tobytes()
    expect(stored[1] == (folder / "one.tif").read_bytes(), "a TIFF of 16 bits is not packed as it is")
    expect(stored[3][1:4] == b"PNG", "a TIFF that is read as 8 bits is not packed as a PNG")
    said = program("ijepa-shards", "scan_shards_1", "--statistics", "--channels", 1)
    mean = float(re.search(r"mean = \[(.*)\]", said).group(1))
    expect(abs(mean - values.mean() / 65535) < 1e-5, f"its mean is {mean}")
    said = program("ijepa-shards", "scan_shards_1", "--statistics", "--channels", 1, ranks=2)
    expect("rank 0 of 2 measures alone" in said, f"ranks that measure nothing are not told of:\n{said}")


def check_stacks():
    """Pictures of a file behind the first are packed as channels or spoken of."""
    folder = pathlib.Path("stacks", "class0")
    folder.mkdir(parents=True)
    tifffile.imwrite(folder / "one.tif", numpy.ones((4, 40, 40), numpy.uint16), photometric="minisblack")
    program("ijepa-shards", "stacks", "--out", "stack_shards_4", "--no-splits", "--channels", 4)
    said = program("ijepa-shards", "stacks", "--out", "stack_shards_3", "--no-splits")
    expect("1 TIFF file holds several pictures of one size and kind" in said, f"a stack is cut silently:\n{said}")
    refused("is an image that can be used", "ijepa-shards", "stacks", "--out", "stack_shards_1", "--no-splits",
            "--channels", 1)
    listed = pathlib.Path("stack_shards_1/rejected.csv").read_text(encoding="utf-8")
    expect("It has 1 channel in each of several pictures" in listed, f"rejected.csv says nothing of pictures: {listed}")


def check_kinds():
    """Tiles as tifffile writes them, not packed; and inks, which are told by what they are."""
    folder = pathlib.Path("kinds", "class0")
    folder.mkdir(parents=True)
    pixels = numpy.random.default_rng(1).integers(0, 256, (48, 32, 3), numpy.uint8)
    tifffile.imwrite(folder / "tiles.tif", pixels, photometric="rgb", tile=(16, 16))
    program("ijepa-shards", "kinds", "--out", "tile_shards", "--no-splits")
    with h5py.File(next(pathlib.Path("tile_shards").rglob("*.h5"))) as file:
        read = numpy.array(Image.open(io.BytesIO(file["images"][:].tobytes())))
    expect((read == pixels).all(), "tiles are read as other pixels")
    tifffile.imwrite(folder / "tiles.tif", numpy.ones((40, 40, 4), numpy.uint16), photometric="separated")
    refused("is an image that can be used", "ijepa-shards", "kinds", "--out", "ink_shards", "--no-splits",
            "--channels", 4)
    listed = pathlib.Path("ink_shards/rejected.csv").read_text(encoding="utf-8")
    expect("Its 4 channels hold inks (CMYK) of 16 bits; convert it to plain numbers" in listed,
           f"rejected.csv says nothing of inks: {listed}")


def check_skip_bad(name):
    """What can be read is read with the network's channels; what cannot is left out by name."""
    run, bad = f"{name}_run", pathlib.Path(name, "train", "class0", "broken.tif")
    bad.write_bytes(b"II*\0" + bytes(60))
    done = start("ijepa-classify", "train", "--run", run, "--train-dir", f"{name}/train", "--valid-dir",
                 f"{name}/test", "--out-dir", f"{name}_skipping", "--epochs", "1", "--batch-size", "6",
                 "--set", "data.threads=1", "--skip-bad")
    bad.unlink()
    expect(done.returncode == 3, f"{name}: --skip-bad ended with {done.returncode}:\n{done.stdout}")
    for sentence in ("1 image cannot be read and is left out", "1 image could not be read and was left out: "):
        expect(sentence in done.stdout, f"{name}: --skip-bad does not say \"{sentence}\":\n{done.stdout}")
    listed = pathlib.Path(f"{name}_skipping/bad_images.csv").read_text(encoding="utf-8").splitlines()
    expect(len(listed) == 2 and "broken.tif" in listed[1], f"{name}: --skip-bad leaves out {listed}")


def check_refusals(bands):
    refused("red, green and blue, but data.channels is 5",
            *train(bands, **{"data.shards": "bands_shards/train", "run.dir": "colours",
                             "data.colour_strength": 1}))
    refused("data.mean has 3 values, but data.channels = 5",
            *train({"data.channels": 5}, **{"data.shards": "bands_shards/train", "run.dir": "means"}))
    for ranks in (1, 2):
        words = train(bands, **{"data.shards": "grey_shards/train", "run.dir": "grey_on_ranks"})
        said = refused("It has 1 channel, but the network reads 5 (data.channels): pretrain with data.channels as", *words,
                       ranks=ranks)
        expect(re.search(r"image \d+ \(class\d/\d+\.png\) of \S+: It has 1 channel", said), f"which image?\n{said}")
    refused("It has 5 channels, but the network reads 3 (data.channels)",
            *train({}, **{"data.shards": "bands_shards/train", "run.dir": "bands_as_colours"}))
    refused("It has 5 channels", "ijepa-shards", "bands_shards/train", "--statistics")
    refused("is an image that can be used", "ijepa-shards", "bands", "--out", "colours_shards")
    listed = pathlib.Path("colours_shards/rejected.csv").read_text(encoding="utf-8")
    expect("It has 5 channels; --channels" in listed, f"rejected.csv says nothing of channels: {listed[:300]}")
    refused("stores JPEG", "ijepa-shards", "bands", "--out", "x", "--channels", 5, "--short-side", 64)
    refused("--out", "ijepa-shards", "bands", "--channels", 5)
    refused("--seed excludes --statistics", "ijepa-shards", "bands_shards/train", "--statistics", "--seed", 1)
    jpeg = pathlib.Path("photographs", "class0", "one.jpg")
    jpeg.parent.mkdir(parents=True)
    Image.new("RGB", (40, 40), (9, 90, 200)).save(jpeg)
    refused("It is a JPEG image, which has no more than 3 channels", "ijepa-infer", "--run", "bands_run",
            "--input", "photographs", "--out", "photographs_features")
    # Grey takes colours.
    program("ijepa-infer", "--run", "grey_run", "--input", "photographs", "--out", "photographs_grey")


def check_suggestion(name, channels):
    text = program("ijepa-pretrain", "--suggest", f"{name}_shards/train")
    expect(f"channels = {channels}\n" in text, f"{name}: another suggestion:\n{text}")


def main():
    pathlib.Path("empty.toml").write_text("[run]\n", encoding="utf-8")
    pathlib.Path("classes.toml").write_text('masks = "index"\n' + "".join(
        f'[[class]]\nname = "{name}"\ndraw = [{level}, 0, 0]\n' for name, level in (("a", 0), ("b", 255))),
                                            encoding="utf-8")
    words = {}
    for name, channels, write in (("grey", 1, write_grey), ("bands", 5, write_bands)):
        pixels = make_images(name, channels, write)
        program("ijepa-shards", name, "--out", f"{name}_shards", "--channels", channels, "--threads", 2)
        words[name] = check_statistics(f"{name}_shards/train", channels, pixels["train"])
        check_suggestion(name, channels)
        check_training(name, words[name])
        check_consumers(name, channels)
        check_weights(name, words[name], write)
    check_packing_of_16_bits()
    check_stacks()
    check_kinds()
    check_refusals(words["bands"])
    print(*problems, f"channels: {len(problems)} problems", sep="\n")
    return bool(problems)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        code = main()
        os.chdir("/")
    sys.exit(code)
