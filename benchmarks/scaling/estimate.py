#!/usr/bin/env python3
"""What model.py's formula says of GPUs that nobody has to own: images/s and efficiency from the rates
of a device and of its links. The operations of an image and the parameters come from a dry run.

usage: estimate.py BIN_FOLDER CONFIG --tflops T --memory-gb-s M --inside-gb-s L --node-gbit-s N ...
           [--gpus 16 32 64 128] [--gpus-per-node 8] [--batch-per-gpu 128] [--gradient-bytes 4]"""
import argparse
import math
import re
import subprocess
import sys

from model import Model

STATE_BYTES = 40  # the optimizer reads w, m, v, EMA, g and writes all but g: float32, and bfloat16 twice


def dry_run(options):
    command = [f"{options.bin}/ijepa-pretrain", options.config, "--dry-run", "--set",
               "data.shards=none", *(w for s in options.set for w in ("--set", s))]
    done = subprocess.run(command, text=True, capture_output=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    batch = subprocess.run([*command, "--show", "optim.global_batch"], text=True,
                           capture_output=True, check=True).stdout
    sizes = re.search(r"with ([\d.]+) M parameters, predictor ([\d.]+) M", done.stdout)
    operations = float(re.search(r"arithmetic: (\S+) FLOPs a step", done.stdout)[1])
    return 1e6 * (float(sizes[1]) + float(sizes[2])), operations / float(batch)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin")
    parser.add_argument("config")
    parser.add_argument("--tflops", type=float, required=True, help="a GPU reaches in training")
    parser.add_argument("--memory-gb-s", type=float, required=True, help="of a GPU")
    parser.add_argument("--inside-gb-s", type=float, required=True, help="of a GPU in its node")
    parser.add_argument("--node-gbit-s", type=float, nargs="+", required=True, help="of a node")
    parser.add_argument("--latency-us", type=float, default=10)
    parser.add_argument("--gpus", type=int, nargs="+", default=[16, 32, 64, 128])
    parser.add_argument("--gpus-per-node", type=int, default=8)
    parser.add_argument("--batch-per-gpu", type=int, default=128)
    parser.add_argument("--gradient-bytes", type=float, default=4, help="of a parameter on the wire")
    parser.add_argument("--bucket-mib", type=float, default=16)
    parser.add_argument("--overlap", type=float, default=0.4, help="share of compute to hide behind")
    parser.add_argument("--set", nargs="+", default=[])
    options = parser.parse_args()
    parameters, operations = dry_run(options)
    size = parameters * options.gradient_bytes
    print(f"{parameters / 1e6:.1f} M parameters, {operations / 1e9:.1f} GFLOPs an image\n"
          "| GPUs | " + " | ".join(f"{rate:g} Gbit/s a node" for rate in options.node_gbit_s) + " |")
    print("|---" * (1 + len(options.node_gbit_s)) + "|")
    for gpus in options.gpus:
        cells = []
        for rate in options.node_gbit_s:
            m = Model(fixed=parameters * STATE_BYTES / options.memory_gb_s / 1e9,
                      per_image=operations / options.tflops / 1e12, gradient_bytes=size,
                      between=rate * 1e9 / 8, inside=options.inside_gb_s * 1e9,
                      ranks_per_node=options.gpus_per_node, latency=options.latency_us / 1e6,
                      overlap=options.overlap,
                      buckets=math.ceil(size / options.bucket_mib / 2**20))
            images = options.batch_per_gpu
            cells.append(f"{gpus * images / m.step(gpus, images):,.0f} images/s, "
                         f"{m.efficiency(gpus, images):.0%}")
        print(f"| {gpus} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
