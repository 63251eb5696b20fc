#!/usr/bin/env python3
"""Training steps beside the same I-JEPA in PyTorch, in turns of one run.

The peer is written for its speed: fused attention, one fused AdamW, a fused EMA, fixed lengths of masks
(so that nothing is compiled twice), the mean lengths that our masks have. It runs eagerly and compiled,
and in bfloat16 by autocast; its best mode is what ours is compared with. A turn lasts some
seconds; on one thread processor time counts, since the machine may be shared, on more the clock.

usage: step.py BIN_FOLDER RECIPE.toml [--set KEY=VALUE ...] [--threads 1] [--turns 5] [--seconds 10]
               [--other BIN_FOLDER] [--other-set KEY=VALUE ...] [--modes eager compiled ...] [--csv FILE]      (a Python with torch)

--other takes the bench_peer_step of another commit into the turns, --other-set one with further settings."""
import argparse
import csv
import json
import os
import statistics
import subprocess
import sys

MODES = ("eager", "compiled", "eager bfloat16", "compiled bfloat16")


class Ours:
    """bench_peer_step in a process of its own, which trains whenever it is sent seconds."""

    def __init__(self, folder, a, settings=()):
        sets = [x for s in (*a.set, *settings) for x in ("--set", s)]
        self.process = subprocess.Popen(
            [os.path.join(folder, "bench_peer_step"), a.recipe, "--threads", str(a.threads), *sets],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.step = json.loads(self.process.stdout.readline())

    def turn(self, seconds, what=""):
        self.process.stdin.write(f"{what}{seconds}\n")
        self.process.stdin.flush()
        return [float(x) for x in self.process.stdout.readline().split(",")]


class LargeProduct:
    """Products of large matrices by ours: floating-point operations in place of images."""

    def __init__(self, ours):
        self.ours = ours

    def turn(self, seconds):
        return self.ours.turn(min(seconds, 1), "peak ")


class Peer:
    """A mode of PyTorch in a process of its own, so that memory and threads do not mix."""

    def __init__(self, mode, step, threads):
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "ijepa.py"), mode,
             json.dumps(step), str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.build = self.process.stdout.readline().strip()

    turn = Ours.turn


def table(turns, peaks, step):
    """Rows: name, median images/s with least and most, our ratio to it turn by turn, MiB, and the share of the peak
    turn by turn, of which the median as well."""
    rate = {name: [t[0] / t[-1] for t in rows] for name, rows in turns.items()}
    for name, rates in rate.items():
        shares = [r * step["flops"] / step["batch"] / peak for r, peak in zip(rates, peaks)]
        ratios = [a / b for a, b in zip(rate["ours"], rates)]
        yield {"name": name, "images_per_s": statistics.median(rates), "least": min(rates), "most": max(rates),
               "ours_over_it": statistics.median(ratios), "least_ratio": min(ratios), "most_ratio": max(ratios),
               "peak_mib": max(t[3] for t in turns[name]),
               "of_peak": statistics.median(shares)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin")
    parser.add_argument("recipe")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--other")
    parser.add_argument("--other-set", action="append", default=[])
    parser.add_argument("--modes", nargs="*", default=MODES[:2], choices=MODES)
    parser.add_argument("--csv")
    a = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(a.threads)
    ours = Ours(a.bin, a)
    sides = {"ours": ours, **({"other": Ours(a.other or a.bin, a, a.other_set)} if a.other or a.other_set else {}),
             **{mode: Peer(mode, ours.step, a.threads) for mode in a.modes}}
    for side in sides.values():
        side.turn(1)
    turns, peaks, column = {name: [] for name in sides}, [], 2 if a.threads == 1 else 1
    product = LargeProduct(ours)
    for _ in range(a.turns):
        for name, side in sides.items():
            turn = side.turn(a.seconds)
            turns[name].append([*turn, turn[column]])
        operations = product.turn(a.seconds)
        peaks.append(operations[0] / operations[column])
    step = ours.step
    print(f"{a.recipe} {' '.join(a.set)}: {step['flops'] * 1e-9:.2f} GFLOP a step of {step['batch']} images, "
          f"{a.threads} thread(s), {a.turns} turns, {step['device']}, peak {1e-9 * statistics.median(peaks):.0f} GFLOP/s "
          f"({1e-9 * min(peaks):.0f} to {1e-9 * max(peaks):.0f})")
    for mode in a.modes[:1]:
        print(sides[mode].build)
    print(f"{'':<18}{'images/s':>10}{'least':>9}{'most':>9}{'ours/it':>9}{'least':>7}{'most':>7}{'MiB':>8}{'of peak':>9}")
    rows = list(table(turns, peaks, step))
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
