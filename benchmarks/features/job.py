#!/usr/bin/env python3
"""The job of extracting features, from a folder of JPEG files to an HDF5 file of pooled features, by
ijepa-infer and by PyTorch, on all cores and in turns of one run. PyTorch reads the files by Pillow
in 0, 1 or 2 loader processes and runs the transformer eagerly or compiled with frozen weights, its
compilation not counted, in each of TYPES; of these the fastest is its best. Both use the same weights: features have
to agree.

usage: job.py BIN_FOLDER IMAGES WORK [--models vit_tiny vit_small] [--copies 3] [--turns 3]
                           [--precision bfloat16] [--types float32 bfloat16] [--loaders 0 1 2]
                           (a Python with torch, pillow and h5py; IMAGES a tar or folder of JPEGs)"""
import argparse
import copy
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import time

import h5py
import numpy
from features import SIZES, Encoder  # one thread until main() says otherwise
import torch
import torch._inductor.config
from PIL import Image
sys.path.append(os.path.join(os.path.dirname(__file__), "..", "weights"))
from weights import positions  # noqa: E402

SIDE, PATCH, BATCH = 224, 16, 16
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NAMES = (("embed.", "patch_embed.proj."), ("attention.", "attn."), ("mlp.0.", "mlp.fc1."),
         ("mlp.2.", "mlp.fc2."))


class Pictures(torch.utils.data.Dataset):
    """uint8 (3, 224, 224): resized so that the shorter side has 256, centre crop."""

    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        image = Image.open(self.paths[i]).convert("RGB")
        scale = 256 / min(image.size)
        size = tuple(256 if side == min(image.size) else int(side * scale) for side in image.size)
        image = image.resize(size, Image.Resampling.BILINEAR)
        left, top = (round((side - SIDE) / 2) for side in size)
        image = image.crop((left, top, left + SIDE, top + SIDE))
        return torch.from_numpy(numpy.array(image)).permute(2, 0, 1)


class Theirs:
    def __init__(self, model, paths, kind, frozen, loaders, out):
        self.kind, self.frozen, self.loaders, self.out = kind, frozen, loaders, out
        self.dtype = getattr(torch, kind)
        self.model = copy.deepcopy(model).to(self.dtype)
        self.data = Pictures(paths)
        self.mean, self.std = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
        self.run = torch.compile(self.features, dynamic=False) if frozen else self.features
        self.job()  # compiles

    def name(self):
        return f"PyTorch {self.kind} {'frozen' if self.frozen else 'eager'}, {self.loaders} loaders"

    def features(self, pixels):
        return self.model(((pixels.float() / 255 - self.mean) / self.std).to(self.dtype)).float()

    def job(self):
        loader = torch.utils.data.DataLoader(self.data, BATCH, num_workers=self.loaders)
        with torch.no_grad(), h5py.File(self.out, "w") as file:
            torch._inductor.config.freezing = self.frozen
            rows = file.create_dataset("features", (len(self.data), self.model.norm.bias.numel()),
                                       dtype="f4")
            for i, pixels in enumerate(loader):
                rows[i * BATCH:i * BATCH + len(pixels)] = self.run(pixels).numpy()


class Ours:
    def __init__(self, binaries, weights, images, precision, out):
        self.out = out
        self.command = [os.path.join(binaries, "ijepa-infer"), "--checkpoint", weights, "--input",
                        images, "--precision", precision, "--out", out]

    def name(self):
        return "ijepa-infer"

    def job(self):
        shutil.rmtree(self.out, ignore_errors=True)
        subprocess.run(self.command, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def features(self):
        with h5py.File(os.path.join(self.out, "part_00000.h5")) as file:
            keys = [os.path.basename(key.decode()) for key in file["keys"]]
            return dict(zip(keys, file["features"][:]))


def spent(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def make_images(source, folder, copies):
    os.makedirs(folder)
    if os.path.isdir(source):
        shutil.copytree(source, folder + "/first")
    else:
        with tarfile.open(source) as tar:
            tar.extractall(folder + "/first", filter="data")
    found = [os.path.join(root, name) for root, _, names in os.walk(folder + "/first")
             for name in names if name.lower().endswith((".jpg", ".jpeg"))]
    paths = []
    for number, path in itertools.product(range(copies), found):
        paths.append(os.path.join(folder, f"{number}_{os.path.basename(path)}"))
        os.link(path, paths[-1])
    shutil.rmtree(folder + "/first")
    return sorted(paths)


def save(model, path):
    def named(name):
        for theirs, ours in NAMES:
            name = name.replace(theirs, ours)
        return "module." + name
    state = {named(name): value for name, value in model.state_dict().items()
             if name != "positions"}
    torch.save({"target_encoder": {**state, "module.pos_embed": model.positions.data}}, path)


def compare(arguments, name, folder, paths):
    torch.manual_seed(1)
    model = Encoder(name, SIDE, PATCH).eval()
    model.positions.data = positions(SIZES[name][0], PATCH)
    save(model, folder + f"/{name}.pth.tar")
    ours = Ours(arguments.bin, folder + f"/{name}.pth.tar", folder + "/images",
                arguments.precision, folder + "/ours")
    theirs = [Theirs(model, paths, kind, frozen, loaders, folder + "/theirs.h5")
              for kind in arguments.types for frozen in (False, True)
              for loaders in arguments.loaders]
    ours.job()
    with h5py.File(folder + "/theirs.h5") as file:
        found = ours.features()
        worst = max(abs(found[os.path.basename(p)] - row).max()
                    for p, row in zip(paths, file["features"]))
    rounded = "bfloat16" in (arguments.precision, theirs[-1].kind)
    assert worst < (0.1 if rounded else 1e-2), f"features differ by {worst}"
    turns = [{job.name(): spent(job.job) for job in (ours, *theirs)} for _ in range(arguments.turns)]
    print(f"{name}/16-224, {len(paths)} images, ours in {arguments.precision}, {arguments.threads} cores, PyTorch "
          f"{torch.__version__}; features differ by {worst:.1g} at most")
    best = ("", float("inf"))
    for job in turns[0]:
        seconds = statistics.median(turn[job] for turn in turns)
        ratio = statistics.median(turn[job] / turn["ijepa-infer"] for turn in turns)
        print(f"{job:<36} {len(paths) / seconds:8.2f} images/s   {ratio:.2f}")
        if job != "ijepa-infer":
            best = min(best, (job, ratio), key=lambda entry: entry[1])
    print(f"ijepa-infer is {best[1]:.2f} times as fast as {best[0]}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin")
    parser.add_argument("images")
    parser.add_argument("work")
    parser.add_argument("--models", nargs="+", default=("vit_tiny", "vit_small"), choices=SIZES)
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--types", nargs="+", default=("float32",), choices=("float32", "bfloat16"))
    parser.add_argument("--loaders", nargs="+", type=int, default=(0, 1, 2))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    for name in ("copies", "turns"):
        parser.add_argument(f"--{name}", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    os.environ.pop("OMP_NUM_THREADS")  # ijepa-infer takes all cores
    folder = os.path.join(arguments.work, "bench_job")
    os.makedirs(folder)
    try:
        paths = make_images(arguments.images, folder + "/images", arguments.copies)
        for name in arguments.models:
            compare(arguments, name, folder, paths)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
