#!/usr/bin/env python3
"""Feature extraction beside the same vision transformer in PyTorch, in the same run: one round of ours
and one of each of PyTorch's modes take turns. PyTorch runs eagerly, compiled, and compiled with frozen
(packed) weights, in inference mode with its fused attention, each at the batch of its that is
fastest. On one thread processor time counts, since the machine may be shared; on more the clock
does. The ratio of each turn is PyTorch's time over ours, and the median of turns is printed.

usage: features.py BIN_FOLDER [--model vit_small] [--image 224] [--patch 16] [--images 64]
                   [--type float32] [--threads 1] [--turns 7] [--modes eager "frozen bfloat16" ...]
                           (a Python with torch; --type is that of ours)"""
import argparse
import os
import statistics
import subprocess
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"
import torch
import torch._inductor.config
from torch import nn

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "peers"))
from vit import Block

SIZES = {"vit_tiny": (192, 12, 3), "vit_small": (384, 12, 6), "vit_base": (768, 12, 12),
         "vit_large": (1024, 24, 16)}


MODES = ("eager", "compiled", "frozen")
ALL_MODES = MODES + tuple(f"{mode} bfloat16" for mode in MODES)


class Encoder(nn.Module):
    def __init__(self, name, image, patch):
        super().__init__()
        width, depth, heads = SIZES[name]
        self.embed = nn.Conv2d(3, width, patch, patch)
        self.positions = nn.Parameter(torch.zeros(1, (image // patch) ** 2, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, pixels):
        x = self.embed(pixels).flatten(2).transpose(1, 2) + self.positions
        return self.norm(self.blocks(x)).mean(1)


class Ours:
    """bench_features in a process of its own, which does a round whenever it is sent a line."""

    def __init__(self, arguments):
        self.column = 1 if arguments.threads == 1 else 0  # processor time, else the clock
        self.process = subprocess.Popen(
            [os.path.join(arguments.bin, "bench_features"), "--turns", arguments.type, "--threads",
             str(arguments.threads), "--model", arguments.model, "--image", str(arguments.image), "--patch",
             str(arguments.patch), "--images", str(arguments.images)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def round(self):
        self.process.stdin.write("round\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline().split(",")[self.column])


class Theirs:
    """A mode of PyTorch: rounds over pixels (n, 3, H, W) uint8 in batches."""

    def __init__(self, model, pixels, batches, dtype, clock, compiled, frozen):
        self.model, self.pixels, self.dtype, self.frozen = model, pixels, dtype, frozen
        self.clock = clock
        self.mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
        self.std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
        self.run = torch.compile(self.features, dynamic=False) if compiled else self.features
        self.batch = min(batches, key=self.warm_time)

    def features(self, part):
        return self.model(((part.float() / 255 - self.mean) / self.std).to(self.dtype)).float()

    def warm_time(self, batch):
        self.batch = batch
        self.round()
        return min(self.round() for _ in range(2))

    def round(self):
        with torch.no_grad() if self.frozen else torch.inference_mode():  # freezing wants no_grad
            torch._inductor.config.freezing = self.frozen
            start = self.clock()
            for part in self.pixels.split(self.batch):
                self.run(part)
            return self.clock() - start


def largest_divisor(number, limit):
    return next(d for d in range(min(number, limit), 0, -1) if number % d == 0)


def modes(arguments):
    torch.set_num_threads(arguments.threads)
    clock = time.process_time if arguments.threads == 1 else time.perf_counter
    torch.manual_seed(1)
    pixels = torch.randint(0, 256, (arguments.images, 3, arguments.image, arguments.image),
                           dtype=torch.uint8)
    tokens = (arguments.image // arguments.patch) ** 2
    batches = {largest_divisor(arguments.images, at_once // tokens) for at_once in (8192, 1024)}

    def theirs(name):
        mode, _, kind = name.partition(" ")
        dtype = getattr(torch, kind or "float32")
        model = Encoder(arguments.model, arguments.image, arguments.patch).eval().to(dtype)
        return Theirs(model, pixels, batches, dtype, clock, mode != "eager", mode == "frozen")

    return {name: theirs(name) for name in arguments.modes}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin")
    parser.add_argument("--model", default="vit_small", choices=SIZES)
    parser.add_argument("--type", default="float32", choices=("float32", "bfloat16"))
    for name, value in (("image", 224), ("patch", 16), ("images", 64), ("threads", 1),
                        ("turns", 7)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--modes", nargs="+", default=MODES, choices=ALL_MODES)
    arguments = parser.parse_args()
    ours, theirs = Ours(arguments), modes(arguments)
    ours.round()  # warms up
    turns = []
    for _ in range(arguments.turns):
        turns.append({"ours": ours.round(), **{name: t.round() for name, t in theirs.items()}})
    print(f"PyTorch {torch.__version__}, {arguments.model}/{arguments.patch}-{arguments.image}, "
          f"ours in {arguments.type}, {arguments.threads} threads; images per second, medians of "
          f"{len(turns)} turns")
    rate = {name: arguments.images / statistics.median(t[name] for t in turns) for name in turns[0]}
    print(f"ours              {rate['ours']:9.2f}")
    for name, mode in theirs.items():
        ratio = statistics.median(t[name] / t["ours"] for t in turns)
        print(f"{name:<17} {rate[name]:9.2f}   ours is {ratio:.2f} times as fast   batch {mode.batch}")


if __name__ == "__main__":
    main()
