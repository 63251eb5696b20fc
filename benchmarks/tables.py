#!/usr/bin/env python3
"""tables.md and share_of_peak.svg of what benchmarks/run.sh measured, so far.  usage: tables.py OUT"""
import csv
import html
import json
import pathlib
import statistics
import sys

SIZES = ("mini", "tiny", "small", "base")
TYPES = ("float32", "bfloat16")
CELL, ROW, LEFT, TOP = 78, 26, 220, 66


def shares(ops):
    """{(operation, size, type): share of the peak or of the bandwidth, median over shapes}, where size is that of
    the network, or the shape itself for operations that are not products."""
    found = {}
    for benchmark in ops["benchmarks"]:
        operation, *place, kind = benchmark["name"].removesuffix("/real_time").split("/")
        size = place[0] if place[0] in SIZES else "/".join(place)
        share = benchmark.get("%peak", benchmark.get("%bandwidth"))
        found.setdefault((operation, size, kind), []).append(share)
    return {key: statistics.median(values) for key, values in found.items()}


def operations_table(found):
    lines = ["| operation | size | " + " | ".join(TYPES) + " |", "|---" * (2 + len(TYPES)) + "|"]
    for operation, size in dict.fromkeys((o, s) for o, s, _ in found):
        values = [found.get((operation, size, kind)) for kind in TYPES]
        cells = " | ".join("" if v is None else f"{v:.0f} %" for v in values)
        lines.append(f"| {operation} | {size} | {cells} |")
    return lines


def steps_table(file):
    with open(file, newline="") as f:
        rows = list(csv.DictReader(f))
    lines = ["| | images/s (least to most) | ours / it (least to most) | MiB | of peak |", "|---|---|---|---|---|"]
    for r in rows:
        v = {key: float(value) for key, value in r.items() if key != "name"}
        lines.append(f"| {r['name']} | {v['images_per_s']:.1f} ({v['least']:.1f} to {v['most']:.1f}) | "
                     f"{v['ours_over_it']:.2f} ({v['least_ratio']:.2f} to {v['most_ratio']:.2f}) | {v['peak_mib']:.0f} | "
                     f"{100 * v['of_peak']:.0f} % |")
    return lines


def picture(found, device):
    """Products by size and type; darker is nearer to the peak, and each cell says its share."""
    operations = list(dict.fromkeys(o for o, s, _ in found if s in SIZES))
    columns = [(size, kind) for size in SIZES for kind in TYPES]
    width, height = LEFT + CELL * len(columns) + 16, TOP + ROW * len(operations) + 16

    def text(x, y, words, anchor="middle", size=12, colour="#222"):
        return (f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">'
                f"{html.escape(words)}</text>")

    parts = [text(12, 22, f"share of the peak of a large product, {device}", "start", 14)]
    for i, (size, kind) in enumerate(columns):
        parts += [text(LEFT + CELL * (i + 0.5), 42, size), text(LEFT + CELL * (i + 0.5), 58, kind, size=11, colour="#555")]
    for j, operation in enumerate(operations):
        y = TOP + ROW * j
        parts.append(text(LEFT - 8, y + 17, operation, "end"))
        for i, (size, kind) in enumerate(columns):
            share = found.get((operation, size, kind))
            if share is None:
                continue
            level = 245 - round(1.7 * min(share, 100))
            parts.append(f'<rect x="{LEFT + CELL * i}" y="{y}" width="{CELL - 2}" height="{ROW - 2}" '
                         f'fill="rgb({level},{level + 6},255)"/>')
            parts.append(text(LEFT + CELL * (i + 0.5), y + 17, f"{share:.0f} %"))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif">'
            f'<rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>\n')


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = pathlib.Path(sys.argv[1])
    lines = []
    if (out / "ops.json").exists():
        ops = json.loads((out / "ops.json").read_text())
        context = ops["context"]
        found = shares(ops)
        lines = [f"{context['device']}: {context['gflops_f32']} GFLOP/s in float32, {context['gflops_bf16']} in bfloat16, "
                 f"{context['gbytes']} GB/s", "", *operations_table(found)]
        (out / "share_of_peak.svg").write_text(picture(found, context["device"]))
    for file in sorted(out.glob("peers_*.csv")):
        lines += ["", file.stem.removeprefix("peers_"), "", *steps_table(file)]
    (out / "tables.md").write_text("\n".join(lines) + "\n")
    print(", ".join(str(out / f) for f in ("tables.md", "share_of_peak.svg") if (out / f).exists()))


if __name__ == "__main__":
    main()
