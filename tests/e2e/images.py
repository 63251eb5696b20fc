#!/usr/bin/env python3
"""The files that the recipes of containers (jobs/*.def) copy are enough: with them alone the project
configures and installs. So does the archive of a release, which has no history. Nothing is compiled.
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


def installs(root, options):
    """Problems of configuring and installing what lies in `root`."""
    for command in (["cmake", "--preset", "release", *options],
                    ["cmake", "--install", "build/release", "--prefix", "installed"]):
        done = subprocess.run(command, cwd=root, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            return [f"{root.name}: {' '.join(command)}\n{done.stdout}"]
    return []


def problems_of(recipe, scratch):
    root = scratch / recipe.stem
    root.mkdir()
    for part in copied(recipe):
        copy = shutil.copytree if (SOURCE / part).is_dir() else shutil.copy
        copy(SOURCE / part, root / part)
    options = re.search(r"cmake --preset release (.*)", recipe.read_text(encoding="utf-8")).group(1).split()
    return installs(root, [word.replace("IJEPA_CUDA=ON", "IJEPA_CUDA=OFF") for word in options])


def problems_of_archive(scratch):
    """Of what `git archive` makes of the newest commit; none where this is no checkout."""
    if not (SOURCE / ".git").exists():
        return []
    root = scratch / "archive"
    root.mkdir()
    archive = subprocess.run(["git", "-C", SOURCE, "archive", "HEAD"], check=True, stdout=subprocess.PIPE).stdout
    subprocess.run(["tar", "-x", "-C", root], check=True, input=archive)
    return installs(root, ["-DIJEPA_CUDA=OFF", "-DIJEPA_TESTS=OFF", "-DIJEPA_BENCHMARKS=OFF"])


def main():
    recipes = sorted((SOURCE / "jobs").glob("*.def"))
    with tempfile.TemporaryDirectory() as scratch:
        found = [text for recipe in recipes for text in problems_of(recipe, pathlib.Path(scratch))]
        found += problems_of_archive(pathlib.Path(scratch))
    print(*found, f"images: {len(recipes)} recipes and an archive, {len(found)} problems", sep="\n")
    return bool(found) or not recipes


if __name__ == "__main__":
    sys.exit(main())
