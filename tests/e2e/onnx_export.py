#!/usr/bin/env python3
"""Encoders exported as ONNX models, checked by onnx and run by onnxruntime: their outputs are what
ijepa-infer gives for the same pictures, to 1e-4 of the features' size, with the code that
docs/weights.md shows.
usage: onnx_export.py BIN_FOLDER, where tests/python_packages.sh has installed what it reads with"""
import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import tarfile
import tempfile

from built_python import needed

with needed():
    import h5py
    import numpy
    import onnx
    import onnxruntime
    from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(sys.argv[1]).resolve()
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
SETTINGS = {"model.name": "custom", "model.width": 36, "model.depth": 3, "model.heads": 3,
            "model.patch": 8, "model.image_height": 24, "model.image_width": 40,
            "model.predictor.width": 12, "model.predictor.depth": 1, "mask.min_keep": 1,
            "mask.target_scale_min": 0.2, "mask.target_scale_max": 0.3, "mask.truncate_group": 6,
            "data.shards": "shards/train", "data.threads": 1, "data.mean": [0.3, 0.5, 0.45],
            "data.std": [0.2, 0.25, 0.3], "optim.global_batch": 6, "optim.epochs": 4,
            "optim.warmup_epochs": 0, "optim.lr": 0.01, "run.checkpoint_steps": 100}
# Other shapes: a square of one head, and many heads with a narrow MLP, trained in bfloat16.
RUNS = {"wide": {},
        "square": {"model.width": 20, "model.heads": 1, "model.depth": 1, "model.patch": 4,
                   "model.image_height": 32, "model.image_width": 32},
        "half": {"model.width": 64, "model.heads": 4, "model.mlp_hidden": 100,
                 "compute.precision": "bfloat16"}}
problems = []


def expect(good, text):
    if not good:
        problems.append(text)


def start(*words, before=None):
    return subprocess.run([str(BIN / words[0]), *map(str, words[1:])], text=True, env=ENVIRONMENT,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, preexec_fn=before)


def program(*words):
    done = start(*words)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stdout}")
    return done.stdout


def export(run, out, *more):
    return program("ijepa-weights", "export", run, "--format", "onnx", "--out", out, *more)


def pictures():
    """A folder of pictures of many shapes: drawn ones, one of the crop's own size, photographs."""
    folder = pathlib.Path("pictures")
    folder.mkdir()
    drawn = sorted(pathlib.Path("images").rglob("*.jpg"))[:4]
    for i, size in enumerate(((40, 24), (61, 33), (30, 97), (32, 32))):
        Image.open(drawn[i]).resize(size).save(folder / f"drawn{i}.png")
    photographs = ROOT / "../shared/data/imagenet_sample.tar"
    if photographs.exists():
        with tarfile.open(photographs) as archive:
            for member in [m for m in archive.getmembers() if m.isfile()][:4]:
                (folder / pathlib.Path(member.name).name).write_bytes(archive.extractfile(member).read())
    return sorted(folder.iterdir())


def documented(model, picture):
    """What the code of docs/weights.md computes."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/weights.md").read_text(encoding="utf-8"), re.S)
    code = next(block for block in blocks if "onnxruntime" in block)
    expect("encoder.onnx" in code and "photo.jpg" in code, "docs/weights.md has other code")
    names = {}
    exec(code.replace("encoder.onnx", str(model)).replace("photo.jpg", str(picture)), names)
    return names


def run_model(path, images):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).run(
        None, {"images": images})


def distance(ours, theirs):
    """Of features, which are of the order of 1."""
    return float(numpy.abs(ours - theirs).max() / max(1, numpy.abs(theirs).max()))


def check_run(name, files):
    program("ijepa-infer", "--run", name, "--input", "pictures", "--out", f"{name}.features", "--keep", "both")
    with h5py.File(f"{name}.features/part_00000.h5") as part:
        keys = [key.decode() for key in part["keys"][()]]
        features, tokens = part["features"][()], part["tokens"][()]
    expect(keys == [file.name for file in files], f"{name}: ijepa-infer tells of {keys}")
    model = f"{name}.onnx"
    export(name, model)
    onnx.checker.check_model(model, full_check=True)
    images = []
    for i, file in enumerate(files):
        names = documented(model, file)
        images.append((numpy.asarray(names["picture"]), names["pixels"].transpose(2, 0, 1).astype(numpy.float32)))
        for kind, given, wanted in (("tokens", names["tokens"][0], tokens[i]),
                                    ("pooled", names["pooled"][0], features[i])):
            expect(given.shape == wanted.shape and distance(given, wanted) < 1e-4,
                   f"{name}, {file.name}: {kind} differ by {distance(given, wanted)}")
    raw, normalised = (numpy.stack(both) for both in zip(*images))
    found = run_model(model, normalised)
    expect(distance(found[1], features) < 1e-4, f"{name}: a whole batch gives other features")
    worst = distance(found[0], tokens)
    print(f"{name}: {len(files)} pictures, tokens {tokens.shape[1:]}, largest difference {worst:.1e}")
    return raw, normalised, found


def check_options(raw, normalised, found):
    """Pixels as decoded, weights in a file of their own, the other encoder, what the model says."""
    export("wide", "pixels.onnx", "--include-normalization")
    export("wide", "two.onnx", "--external-data")
    export("wide", "context.onnx", "--encoder", "context")
    for name in ("pixels.onnx", "two.onnx", "context.onnx"):
        onnx.checker.check_model(name, full_check=True)
    expect(distance(run_model("pixels.onnx", raw)[0], found[0]) < 1e-4, "uint8 pixels give other features")
    two = run_model("two.onnx", normalised)
    expect(all(numpy.array_equal(a, b) for a, b in zip(two, found)), "external data give other features")
    expect(distance(run_model("context.onnx", normalised)[0], found[0]) > 1e-3, "both encoders are equal")
    parts = onnx.load("two.onnx", load_external_data=False).graph.initializer
    beside = {t.name: {e.key: e.value for e in t.external_data} for t in parts if t.external_data}
    expect("blocks.2.mlp.fc2.weight" in beside and "norm.bias" not in beside, f"beside: {sorted(beside)}")
    expect(all(int(e["offset"]) % 4096 == 0 and e["location"] == "two.onnx.data" for e in beside.values()),
           f"external data lie at {beside}")
    about = onnxruntime.InferenceSession("wide.onnx").get_modelmeta().custom_metadata_map
    wanted = {"image_mean": SETTINGS["data.mean"], "image_std": SETTINGS["data.std"], "image_size": [24, 40],
              "patch_size": 8}
    expect({key: json.loads(about[key]) for key in wanted} == wanted and about["encoder"] == "target",
           f"the model says {about}")
    weights = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load("wide.onnx").graph.initializer}
    program("ijepa-weights", "export", "wide", "--format", "hdf5", "--out", "wide.h5")
    with h5py.File("wide.h5") as file:
        for name, tensor in file["target_encoder"].items():
            expect(numpy.array_equal(weights[name], tensor[()]), f"{name} is not the checkpoint's")


def limited_files():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))


def check_refusals():
    """One sentence, and nothing that was there is replaced, nothing half written is left."""
    pathlib.Path("taken.onnx").write_text("mine", encoding="utf-8")
    pathlib.Path("beside.onnx.data").write_text("mine", encoding="utf-8")
    pathlib.Path("link.onnx.data").symlink_to("what/comes/later")
    limit = {"before": limited_files}
    cases = {("--out", "taken.onnx"): (r"taken.onnx exists already", {}),
             ("--out", "beside.onnx", "--external-data"): (r"beside.onnx.data exists already", {}),
             ("--out", "link.onnx", "--external-data"): (r"link.onnx.data exists already", {}),
             ("--out", "full.onnx"): (r"full.onnx", limit),
             ("--out", "full.onnx", "--external-data"): (r"full.onnx.data", limit),
             ("--out", "a.h5", "--external-data", "--format", "hdf5"): (r"are of --format onnx", {}),
             ("--out", "a", "--include-normalization", "--format", "timm"): (r"are of --format onnx", {})}
    for words, (said, how) in cases.items():
        done = start("ijepa-weights", "export", "wide", *(() if "--format" in words else ("--format", "onnx")),
                     *words, **how)
        expect(done.returncode == 1 and done.stdout.count("\n") == 1 and re.search(said, done.stdout),
               f"{words}: {done.returncode}, {done.stdout}")
    left = sorted(p.name for p in pathlib.Path(".").iterdir() if re.match(r"(full|beside|link|taken|a\b)", p.name))
    expect(left == ["beside.onnx.data", "link.onnx.data", "taken.onnx"], f"left behind: {left}")
    expect(all(pathlib.Path(name).is_symlink() or pathlib.Path(name).read_bytes() == b"mine" for name in left),
           "a file was replaced")
    done = start("ijepa-weights", "show", "wide.onnx")
    expect(done.returncode == 1 and "an ONNX model" in done.stdout, f"show: {done.stdout}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        program("ijepa-synth", "--out", "images", "--classes", "2", "--train", "12", "--test", "1",
                "--size", "48", "--threads", "1")
        program("ijepa-shards", "images", "--out", "shards", "--threads", "1")
        pathlib.Path("empty.toml").write_text("[run]\n", encoding="utf-8")
        files, results = pictures(), {}
        for name, changes in RUNS.items():
            settings = {**SETTINGS, **changes, "run.dir": name}
            program("ijepa-pretrain", "empty.toml",
                    *[word for key, value in settings.items() for word in ("--set", f"{key}={value}")])
            results[name] = check_run(name, files)
        check_options(*results["wide"])
        check_refusals()
    print(*problems, f"ONNX models: {len(problems)} problems", sep="\n")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
