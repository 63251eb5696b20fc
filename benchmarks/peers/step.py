#!/usr/bin/env python3
"""Training steps beside the same I-JEPA in PyTorch, in turns of one run.

The peer is written for its speed: fused attention, one fused AdamW, a fused EMA, fixed lengths of masks
(so that nothing is compiled twice), the mean lengths that our masks have. It runs eagerly and compiled,
and with --bfloat16 in autocast, too; its best mode is what ours is compared with. A turn lasts some
seconds; on one thread processor time counts, since the machine may be shared, on more the clock.

usage: step.py BIN_FOLDER RECIPE.toml [--set KEY=VALUE ...] [--threads 1] [--turns 5] [--seconds 10]
               [--other BIN_FOLDER] [--modes eager compiled ...] [--csv FILE]      (a Python with torch)

--other takes the bench_peer_step of another commit into the turns."""
import argparse
import copy
import csv
import json
import os
import resource
import statistics
import subprocess
import sys
import time

MODES = ("eager", "compiled", "eager bfloat16", "compiled bfloat16")


class Ours:
    """bench_peer_step in a process of its own, which trains whenever it is sent seconds."""

    def __init__(self, folder, a):
        sets = [x for s in a.set for x in ("--set", s)]
        self.process = subprocess.Popen(
            [os.path.join(folder, "bench_peer_step"), a.recipe, "--threads", str(a.threads), *sets],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.step = json.loads(self.process.stdout.readline())

    def turn(self, seconds):
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return [float(x) for x in self.process.stdout.readline().split(",")]


class Peer:
    """A mode of PyTorch in a process of its own, so that memory and threads do not mix."""

    def __init__(self, mode, step, threads):
        self.process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), "--serve", mode, json.dumps(step), str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.build = self.process.stdout.readline().strip()

    turn = Ours.turn


def serve(mode, step, threads):
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    batch, image, patch, targets = step["batch"], step["image"], step["patch"], step["targets"]
    tokens = (image // patch) ** 2
    n_context, n_target = round(step["context"]), round(step["target"])

    class Attention(nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.heads, self.qkv, self.proj = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

        def forward(self, x):
            b, n, d = x.shape
            q, k, v = self.qkv(x).view(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
            return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, d))

    class Block(nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.norm1, self.norm2 = (nn.LayerNorm(width, eps=1e-6) for _ in range(2))
            self.attention = Attention(width, heads)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x):
            x = x + self.attention(self.norm1(x))
            return x + self.mlp(self.norm2(x))

    def stack(width, depth, heads):
        return nn.Sequential(*(Block(width, heads) for _ in range(depth)), nn.LayerNorm(width, eps=1e-6))

    def rows(x, index):  # (B, N, D), (B, M) -> (B, M, D)
        return torch.gather(x, 1, index.unsqueeze(-1).expand(-1, -1, x.shape[-1]))

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            width, depth, heads = step["encoder"]
            self.embed = nn.Linear(3 * patch * patch, width)
            self.register_buffer("positions", torch.randn(1, tokens, width))
            self.blocks = stack(width, depth, heads)

        def forward(self, patches, index=None):
            positions = self.positions.expand(len(patches), -1, -1)
            if index is not None:
                patches, positions = rows(patches, index), rows(positions, index)
            return self.blocks(self.embed(patches) + positions)

    class Predictor(nn.Module):
        def __init__(self):
            super().__init__()
            width, depth, heads = step["predictor"]
            self.embed = nn.Linear(step["encoder"][0], width)
            self.mask = nn.Parameter(torch.zeros(1, 1, width))
            self.register_buffer("positions", torch.randn(1, tokens, width))
            self.blocks = stack(width, depth, heads)
            self.out = nn.Linear(width, step["encoder"][0])

        def forward(self, context, index, wanted):  # wanted: (K, B, M)
            positions = self.positions.expand(len(context), -1, -1)
            x = self.embed(context) + rows(positions, index)
            hidden = [torch.cat([x, self.mask + rows(positions, w)], 1) for w in wanted]
            return self.out(self.blocks(torch.cat(hidden))[:, n_context:])

    encoder, predictor = Encoder(), Predictor()
    target = copy.deepcopy(encoder).requires_grad_(False)
    weights = [*encoder.parameters(), *predictor.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=1e-4, weight_decay=0.04, fused=True)
    pixels = torch.randint(0, 256, (batch, 3, image, image), dtype=torch.uint8)

    def patches_of(p):
        x = (p.float() / 255 - 0.5) / 0.25
        x = x.view(batch, 3, image // patch, patch, image // patch, patch)
        return x.permute(0, 2, 4, 1, 3, 5).reshape(batch, tokens, -1)

    def loss_of(p, index, wanted):
        patches = patches_of(p)
        with torch.no_grad():
            h = F.layer_norm(target(patches), (step["encoder"][0],))
            h = torch.cat([rows(h, w) for w in wanted])
        return F.smooth_l1_loss(predictor(encoder(patches, index), index, wanted).float(), h.float())

    run = torch.compile(loss_of, dynamic=False) if mode.startswith("compiled") else loss_of
    cast = torch.autocast("cpu", torch.bfloat16, enabled=mode.endswith("bfloat16"))

    def train():
        order = torch.rand(batch, tokens).argsort(1)
        index = order[:, :n_context].contiguous()
        wanted = torch.stack([torch.rand(batch, tokens).argsort(1)[:, :n_target] for _ in range(targets)])
        with cast:
            loss = run(pixels, index, wanted)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            torch._foreach_lerp_(list(target.parameters()), list(encoder.parameters()), 0.004)

    for _ in range(3):
        train()
    print(f"PyTorch {torch.__version__}: "
          + "; ".join(line.strip() for line in torch.__config__.show().splitlines()[1:8]), flush=True)
    for line in sys.stdin:
        wall, processor, images = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() - wall < float(line):
            train()
            images += batch
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{images},{time.perf_counter() - wall},{time.process_time() - processor},{peak}", flush=True)


def table(turns, step, threads):
    """Rows: name, median images/s with least and most, our ratio to it turn by turn, MiB, share of the peak."""
    column = 2 if threads == 1 else 1
    rate = {name: [t[0] / t[column] for t in rows] for name, rows in turns.items()}
    for name, rates in rate.items():
        ratios = [a / b for a, b in zip(rate["ours"], rates)]
        yield {"name": name, "images_per_s": statistics.median(rates), "least": min(rates), "most": max(rates),
               "ours_over_it": statistics.median(ratios), "least_ratio": min(ratios), "most_ratio": max(ratios),
               "peak_mib": max(t[3] for t in turns[name]),
               "of_peak": statistics.median(rates) * step["flops"] / step["batch"] * 1e-9 / step["peak_gflops"]}


def main():
    if sys.argv[1:2] == ["--serve"]:
        return serve(sys.argv[2], json.loads(sys.argv[3]), int(sys.argv[4]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin")
    parser.add_argument("recipe")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--other")
    parser.add_argument("--modes", nargs="*", default=MODES[:2], choices=MODES)
    parser.add_argument("--csv")
    a = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(a.threads)
    ours = Ours(a.bin, a)
    sides = {"ours": ours, **({"other": Ours(a.other, a)} if a.other else {}),
             **{mode: Peer(mode, ours.step, a.threads) for mode in a.modes}}
    for side in sides.values():
        side.turn(1)
    turns = {name: [] for name in sides}
    for _ in range(a.turns):
        for name, side in sides.items():
            turns[name].append(side.turn(a.seconds))
    step = ours.step
    print(f"{a.recipe} {' '.join(a.set)}: {step['flops'] * 1e-9:.2f} GFLOP a step of {step['batch']} images, "
          f"{a.threads} thread(s), {a.turns} turns, {step['device']}, peak {step['peak_gflops']:.0f} GFLOP/s")
    for mode in a.modes[:1]:
        print(sides[mode].build)
    print(f"{'':<18}{'images/s':>10}{'least':>9}{'most':>9}{'ours/it':>9}{'least':>7}{'most':>7}{'MiB':>8}{'of peak':>9}")
    rows = list(table(turns, step, a.threads))
    for r in rows:
        print(f"{r['name']:<18}{r['images_per_s']:>10.1f}{r['least']:>9.1f}{r['most']:>9.1f}{r['ours_over_it']:>9.2f}"
              f"{r['least_ratio']:>7.2f}{r['most_ratio']:>7.2f}{r['peak_mib']:>8.0f}{100 * r['of_peak']:>8.1f}%")
    if a.csv:
        with open(a.csv, "w", newline="") as f:
            writer = csv.DictWriter(f, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
