#!/usr/bin/env python3
"""The peer of step.py: I-JEPA in PyTorch. Prints its build, then for each line of standard input, a number of
seconds, trains for about as long and prints "images,wall,processor,MiB" of that turn.

usage: ijepa.py MODE STEP_AS_JSON THREADS"""
import copy
import json
import resource
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F
from vit import Block


def stack(width, depth, heads):
    return nn.Sequential(*(Block(width, heads) for _ in range(depth)), nn.LayerNorm(width, eps=1e-6))


def rows(x, index):  # (B, N, D), (B, M) -> (B, M, D)
    return torch.gather(x, 1, index.unsqueeze(-1).expand(-1, -1, x.shape[-1]))


class Encoder(nn.Module):
    def __init__(self, sizes, patch, tokens):
        super().__init__()
        self.embed = nn.Linear(3 * patch * patch, sizes[0])
        self.register_buffer("positions", torch.randn(1, tokens, sizes[0]))
        self.blocks = stack(*sizes)

    def forward(self, patches, index=None):
        positions = self.positions.expand(len(patches), -1, -1)
        if index is not None:
            patches, positions = rows(patches, index), rows(positions, index)
        return self.blocks(self.embed(patches) + positions)


class Predictor(nn.Module):
    def __init__(self, sizes, encoder_width, tokens):
        super().__init__()
        self.embed = nn.Linear(encoder_width, sizes[0])
        self.mask = nn.Parameter(torch.zeros(1, 1, sizes[0]))
        self.register_buffer("positions", torch.randn(1, tokens, sizes[0]))
        self.blocks = stack(*sizes)
        self.out = nn.Linear(sizes[0], encoder_width)

    def forward(self, context, index, wanted):  # (B, Nc, D), (B, Nc), (K, B, M)
        positions = self.positions.expand(len(context), -1, -1)
        x = self.embed(context) + rows(positions, index)
        hidden = [torch.cat([x, self.mask + rows(positions, w)], 1) for w in wanted]
        return self.out(self.blocks(torch.cat(hidden))[:, index.shape[1]:])


class Training:
    def __init__(self, mode, step):
        self.step, self.width = step, step["encoder"][0]
        self.side = step["image"] // step["patch"]
        self.tokens = self.side ** 2
        self.encoder = Encoder(step["encoder"], step["patch"], self.tokens)
        self.predictor = Predictor(step["predictor"], self.width, self.tokens)
        self.target = copy.deepcopy(self.encoder).requires_grad_(False)
        weights = [*self.encoder.parameters(), *self.predictor.parameters()]
        self.optimizer = torch.optim.AdamW(weights, lr=1e-4, weight_decay=0.04, fused=True)
        self.pixels = torch.randint(0, 256, (step["batch"], 3, step["image"], step["image"]), dtype=torch.uint8)
        self.run = torch.compile(self.loss, dynamic=False) if mode.startswith("compiled") else self.loss
        self.cast = torch.autocast("cpu", torch.bfloat16, enabled=mode.endswith("bfloat16"))

    def patches(self, pixels):
        side, patch = self.side, self.step["patch"]
        x = ((pixels.float() / 255 - 0.5) / 0.25).view(-1, 3, side, patch, side, patch)
        return x.permute(0, 2, 4, 1, 3, 5).reshape(-1, self.tokens, 3 * patch * patch)

    def loss(self, pixels, index, wanted):
        patches = self.patches(pixels)
        with torch.no_grad():
            h = F.layer_norm(self.target(patches), (self.width,))
            h = torch.cat([rows(h, w) for w in wanted])
        return F.smooth_l1_loss(self.predictor(self.encoder(patches, index), index, wanted).float(), h.float())

    def masks(self, count):
        return torch.rand(self.step["batch"], self.tokens).argsort(1)[:, :round(count)].contiguous()

    def train(self):
        index = self.masks(self.step["context"])
        wanted = torch.stack([self.masks(self.step["target"]) for _ in range(self.step["targets"])])
        with self.cast:
            loss = self.run(self.pixels, index, wanted)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            torch._foreach_lerp_(list(self.target.parameters()), list(self.encoder.parameters()), 0.004)

    def turn(self, seconds):
        wall, processor, images = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() - wall < seconds:
            self.train()
            images += self.step["batch"]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return f"{images},{time.perf_counter() - wall},{time.process_time() - processor},{peak}"


def main():
    mode, step, threads = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    training = Training(mode, step)
    for _ in range(3):
        training.train()
    build = [line.strip() for line in torch.__config__.show().splitlines()[1:8]]
    print(f"PyTorch {torch.__version__}: {'; '.join(build)}", flush=True)
    for line in sys.stdin:
        print(training.turn(float(line)), flush=True)


if __name__ == "__main__":
    main()
