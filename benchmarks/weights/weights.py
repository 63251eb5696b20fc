#!/usr/bin/env python3
"""Import of a torch archive beside the rates of the disk it lies on, in the same run. An archive of
two encoders is made (ViT-H: 5.1 GB), read once from the disk, copied once to the disk by plain reads
and writes, imported, and its target encoder loaded as programs do that are given the file itself,
each time after the system has forgotten it. An import reads and writes as many bytes, so the plain
copy is its bound. Everything made is removed.

usage: weights.py BIN_FOLDER FOLDER [--model vit_huge] [--turns 1]     (a Python with torch)"""
import argparse
import os
import shutil
import subprocess
import sys
import time

import torch

SIZES = {"vit_base": (768, 12, 16), "vit_large": (1024, 24, 16), "vit_huge": (1280, 32, 14)}
BLOCK = 4 << 20


def shapes(width, depth, patch):
    yield "patch_embed.proj.weight", (width, 3, patch, patch)
    yield "patch_embed.proj.bias", (width,)
    for i in range(depth):
        for name, out, inner in (("attn.qkv", 3 * width, width), ("attn.proj", width, width),
                                 ("mlp.fc1", 4 * width, width), ("mlp.fc2", width, 4 * width)):
            yield f"blocks.{i}.{name}.weight", (out, inner)
            yield f"blocks.{i}.{name}.bias", (out,)
    for name in [f"blocks.{i}.norm{n}" for i in range(depth) for n in (1, 2)] + ["norm"]:
        yield name + ".weight", (width,)
        yield name + ".bias", (width,)


def positions(width, patch):
    """The fixed table of a 224 x 224 image, (1, patches, width): half for columns, half for rows."""
    side = 224 // patch
    rates = 10000.0 ** (-torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    angles = torch.arange(side, dtype=torch.float64)[:, None] * rates
    axis = torch.cat([angles.sin(), angles.cos()], 1)
    row, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    return torch.cat([axis[column.flatten()], axis[row.flatten()]], 1).float()[None]


def make_archive(path, size):
    some = torch.randn(1 << 20)

    def tensor(shape):
        count = torch.Size(shape).numel()
        return some.repeat(count // len(some) + 1)[:count].clone().view(shape)

    def encoder():
        return {"module.pos_embed": positions(size[0], size[2]),
                **{"module." + name: tensor(shape) for name, shape in shapes(*size)}}

    torch.save({"encoder": encoder(), "target_encoder": encoder()}, path)


def forget(path):
    file = os.open(path, os.O_RDONLY)
    os.fsync(file)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(file)


def spent(work):
    """Wall and processor seconds of work(), of this process and its children."""
    def processor():
        t = os.times()
        return t.user + t.system + t.children_user + t.children_system
    wall, cpu = time.perf_counter(), processor()
    work()
    return time.perf_counter() - wall, processor() - cpu


def read(path, write=lambda block: None):
    with open(path, "rb", buffering=0) as file:
        buffer = memoryview(bytearray(BLOCK))
        while (count := file.readinto(buffer)) > 0:
            write(buffer[:count])


def copy(path, to):
    with open(to, "wb", buffering=0) as out:
        read(path, out.write)
        os.fsync(out.fileno())
    forget(to)
    os.remove(to)


def peak_of(*command):
    """Peak memory in MiB, taken by a small process between: a child starts with its parent's peak."""
    code = ("import resource, subprocess, sys\n"
            "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
    peak = int(subprocess.run([sys.executable, "-c", code, *command], check=True,
                              stdout=subprocess.PIPE, text=True).stdout)
    return peak / 1024


def import_archive(binaries, path, run):
    peak = peak_of(os.path.join(binaries, "ijepa-weights"), "import", path, "--out", run)
    shutil.rmtree(run)
    return peak


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin")
    parser.add_argument("folder")
    parser.add_argument("--model", default="vit_huge", choices=SIZES)
    parser.add_argument("--turns", type=int, default=1)
    arguments = parser.parse_args()
    folder = os.path.join(arguments.folder, "bench_weights")
    os.makedirs(folder)
    try:
        path = os.path.join(folder, "archive.pth.tar")
        make_archive(path, SIZES[arguments.model])
        size = os.path.getsize(path)
        largest = max(torch.Size(shape).numel() for _, shape in shapes(*SIZES[arguments.model])) * 4
        print(f"{size / 1e9:.2f} GB, largest tensor {largest / 2 ** 20:.0f} MiB", flush=True)
        for _ in range(arguments.turns):
            measure(arguments.bin, folder, path, size)
    finally:
        shutil.rmtree(folder)


def measure(binaries, folder, path, size):
    peaks = {}

    def keep_peak(name, peak):
        peaks[name] = peak
    loaded = size / 2  # the target encoder alone
    works = {"read": (size, lambda: read(path)),
             "copy": (size, lambda: copy(path, folder + "/copy")),
             "import": (size, lambda: keep_peak("import",
                                                import_archive(binaries, path, folder + "/run"))),
             "load": (loaded, lambda: keep_peak("load", peak_of(
                 os.path.join(binaries, "bench_weights"), path)))}
    rate = {}
    for name, (count, work) in works.items():
        forget(path)
        wall, cpu = spent(work)
        rate[name] = count / wall / 1e6
        print(f"{name:<7} {wall:7.1f} s   {rate[name]:6.0f} MB/s   processor time {cpu:5.1f} s",
              flush=True)
    print(f"import: {rate['import'] / rate['read']:.2f} of the disk's read rate, "
          f"{rate['import'] / rate['copy']:.2f} of a plain copy's rate, "
          f"peak memory {peaks['import']:.0f} MiB")
    print(f"load: {rate['load'] / rate['read']:.2f} of the disk's read rate, peak memory "
          f"{peaks['load']:.0f} MiB, of which the weights are {loaded / 2 ** 20:.0f}", flush=True)


if __name__ == "__main__":
    main()
