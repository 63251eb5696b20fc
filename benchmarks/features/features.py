#!/usr/bin/env python3
"""Feature extraction beside the same vision transformer in PyTorch, in the same run: images/s of the
best round of each, taken in turns, on the same number of threads. PyTorch runs in its best mode:
inference mode, its fused attention where it has one, float32 and bfloat16.

usage: features.py BIN_FOLDER [--model vit_small] [--image 224] [--patch 16] [--images 64]
                   [--threads 2] [--turns 3]          (a Python with torch)"""
import argparse
import csv
import io
import os
import subprocess
import time

import torch
from torch import nn
from torch.nn import functional as F

SIZES = {"vit_tiny": (192, 12, 3), "vit_small": (384, 12, 6), "vit_base": (768, 12, 12),
         "vit_large": (1024, 24, 16)}


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = self.qkv(x).view(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        if hasattr(F, "scaled_dot_product_attention"):
            y = F.scaled_dot_product_attention(q, k, v)
        else:
            y = torch.softmax(q @ k.transpose(-2, -1) * (d // self.heads) ** -0.5, -1) @ v
        return self.proj(y.transpose(1, 2).reshape(b, n, d))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(width, eps=1e-6) for _ in range(2))
        self.attention = Attention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


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


def torch_rate(model, pixels, batch):
    """Images a second from uint8 pixels (n, 3, H, W), the better of two rounds."""
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    dtype = next(model.parameters()).dtype
    best = 0.0
    with torch.inference_mode():
        for round_number in range(3):  # the first warms up
            start = time.perf_counter()
            for part in pixels.split(batch):
                model(((part.float() / 255 - mean) / std).to(dtype)).float()
            rate = len(pixels) / (time.perf_counter() - start)
            best = max(best, rate) if round_number else 0.0
    return best


def our_rates(arguments):
    output = subprocess.run(
        [os.path.join(arguments.bin, "bench_features"), "--model", arguments.model, "--image",
         str(arguments.image), "--patch", str(arguments.patch), "--images", str(arguments.images),
         "--threads", str(arguments.threads), "--rounds", "2"],
        check=True, text=True, stdout=subprocess.PIPE).stdout
    return {row["type"]: row for row in csv.DictReader(io.StringIO(output))}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin")
    parser.add_argument("--model", default="vit_small", choices=SIZES)
    for name, value in (("image", 224), ("patch", 16), ("images", 64), ("threads", 2), ("turns", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    pixels = torch.randint(0, 256, (arguments.images, 3, arguments.image, arguments.image),
                           dtype=torch.uint8)
    batch = max(1, min(8192 // (arguments.image // arguments.patch) ** 2, 256))
    best = {}
    for _ in range(arguments.turns):
        for kind, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
            model = Encoder(arguments.model, arguments.image, arguments.patch).eval().to(dtype)
            best["torch", kind] = max(best.get(("torch", kind), 0), torch_rate(model, pixels, batch))
        for kind, row in our_rates(arguments).items():
            best["ours", kind] = max(best.get(("ours", kind), 0), float(row["features_per_second"]))
    print(f"PyTorch {torch.__version__}, {arguments.model}/{arguments.patch}-{arguments.image}, "
          f"{arguments.threads} threads; images/s")
    for kind in ("float32", "bfloat16"):
        ours, theirs = best["ours", kind], best["torch", kind]
        print(f"{kind:<10} ours {ours:9.2f}   PyTorch {theirs:9.2f}   ratio {ours / theirs:.2f}")


if __name__ == "__main__":
    main()
