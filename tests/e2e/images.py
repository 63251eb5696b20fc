#!/usr/bin/env python3
"""The files that the recipes of containers (jobs/*.def) copy are enough: with them alone the project
configures and installs. Nothing is compiled.
usage: images.py"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def copied(recipe):
    """What the first %files takes from the project."""
    section = re.search(r"^%files\n((?: .*\n)+)", recipe.read_text(encoding="utf-8"), re.M).group(1)
    return [line.split()[0] for line in section.splitlines()]


def problems_of(recipe, scratch):
    root = scratch / recipe.stem
    root.mkdir()
    for part in copied(recipe):
        copy = shutil.copytree if (SOURCE / part).is_dir() else shutil.copy
        copy(SOURCE / part, root / part)
    options = re.search(r"cmake --preset release (.*)", recipe.read_text(encoding="utf-8")).group(1).split()
    options = [word.replace("IJEPA_CUDA=ON", "IJEPA_CUDA=OFF") for word in options]
    for command in (["cmake", "--preset", "release", *options],
                    ["cmake", "--install", "build/release", "--prefix", "installed"]):
        done = subprocess.run(command, cwd=root, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            return [f"{recipe.name}: {' '.join(command)}\n{done.stdout}"]
    return []


def main():
    recipes = sorted((SOURCE / "jobs").glob("*.def"))
    with tempfile.TemporaryDirectory() as scratch:
        found = [text for recipe in recipes for text in problems_of(recipe, pathlib.Path(scratch))]
    print(*found, f"images: {len(recipes)} recipes, {len(found)} problems", sep="\n")
    return bool(found) or not recipes


if __name__ == "__main__":
    sys.exit(main())
