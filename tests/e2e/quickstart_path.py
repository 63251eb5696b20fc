#!/usr/bin/env python3
"""jobs/quickstart.sh on images of one's own that are not like photographs: grey, 16 bits of which 12 are
used, twice as wide as high, arrows that all point to the right. They are read with all their bits, keep
their shape and are not mirrored; the run is interrupted, resumed and judged, a second start finds all of it
done, and a run of other settings is left alone. Only its length is cut, and nothing is built.
usage: quickstart_path.py REPOSITORY BIN_FOLDER"""
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

REPOSITORY, BIN = map(pathlib.Path, sys.argv[1:3])
HEIGHT, WIDTH, IMAGES = 24, 48, 96
SHORTER = {"images_to_see=140000": "images_to_see=1500", "interrupt_after_steps=200": "interrupt_after_steps=8"}
problems = []


def expect(good, text):
    if not good:
        problems.append(text)


def png(rows):
    """Grey of 16 bits."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 0, 0, 0, 0)
    data = b"".join(b"\0" + struct.pack(f">{WIDTH}H", *row) for row in rows)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def arrow(hollow):
    """Its tip is on the right, its back anywhere on the left."""
    back, middle, slope, bright = random.randint(2, 16), random.uniform(9, 14), random.uniform(0.2, 0.4), random.randint(1500, 4000)

    def inside(x, y):
        edge = slope * (WIDTH - 4 - x)
        return x >= back and abs(y - middle) <= edge and not (hollow and abs(y - middle) <= edge - 2)
    return [[bright if inside(x, y) else 200 for x in range(WIDTH)] for y in range(HEIGHT)]


def make_images(folder):
    random.seed(1)
    for name, hollow in (("full", False), ("hollow", True)):
        (folder / name).mkdir(parents=True)
        for i in range(IMAGES // 2):
            (folder / name / f"{i}.png").write_bytes(png(arrow(hollow)))


def tree(top):
    """What the script needs of the repository; packages, configuring and compiling are left out."""
    (top / "jobs").mkdir()
    (top / "build" / "release").mkdir(parents=True)
    (top / "build" / "release" / "bin").symlink_to(BIN.resolve())
    shutil.copytree(REPOSITORY / "configs", top / "configs")
    shutil.copy(REPOSITORY / "jobs" / "local.sh", top / "jobs")
    script = (REPOSITORY / "jobs" / "quickstart.sh").read_text(encoding="utf-8")
    for line, shorter in SHORTER.items():
        expect(line in script, f"jobs/quickstart.sh has no {line}")
        script = script.replace(line, shorter)
    (top / "jobs" / "quickstart.sh").write_text(script, encoding="utf-8")
    (top / "nothing").mkdir()
    for nothing in ("jobs/install_packages.sh", "jobs/configure.sh", "nothing/cmake"):
        (top / nothing).write_text("#!/bin/sh\n", encoding="utf-8")
        (top / nothing).chmod(0o755)


def main():
    with tempfile.TemporaryDirectory(prefix="ijepa_quickstart_") as folder:
        top = pathlib.Path(folder)
        tree(top)
        make_images(top / "my arrows")
        environment = {**os.environ, "PATH": f"{top / 'nothing'}:{os.environ['PATH']}",
                       "OMPI_MCA_rmaps_base_oversubscribe": "1"}
        command = ["bash", top / "jobs" / "quickstart.sh", top / "my arrows"]

        def quick_start():
            done = subprocess.run(command, text=True, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if done.returncode:
                sys.exit(f"the quick start ended with {done.returncode}:\n{done.stdout}")
            return done.stdout

        said = quick_start()
        out = top / "runs" / "quickstart-my arrows"
        used = (out / "run" / "config.toml").read_text(encoding="utf-8").splitlines()
        for line in ("channels = 1", "flip = false", "image_height = 24", "image_width = 44", "epochs = 18",
                     "max_steps = 0", 'test_shards = ""'):
            expect(line in used, f"the run's configuration has no {line}:\n" + "\n".join(used))
        for words in ("are less like the others when they are mirrored", "steps are done.", "For classifying: a linear"):
            expect(words in said, f"the quick start does not say '{words}':\n{said}")
        for picture in ("images.png", "neighbours.png", "patches.png"):
            expect((out / picture).is_file(), f"there is no {picture}")
        metrics = (out / "run" / "metrics.csv").read_bytes()
        said = quick_start()
        expect("suggested.toml is there already" in said, f"a second start suggests anew:\n{said}")
        expect((out / "run" / "metrics.csv").read_bytes() == metrics, "a second start trains anew")
        (out / "suggested.toml").unlink()
        done = subprocess.run(command, text=True, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        expect(done.returncode == 1 and "was begun by an earlier quick start, with other settings" in done.stdout,
               f"a run without a suggestion ended with {done.returncode}:\n{done.stdout}")
    for problem in problems:
        print(problem)
    print(f"quick start on images of one's own: {len(problems)} problems")
    sys.exit(bool(problems))


main()
