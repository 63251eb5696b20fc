#!/usr/bin/env python3
"""The scripts of jobs/ and tests/ in one clone, in any order: whatever one of them, a preset or an
interrupted command left in build/release, the next one configures what it needs. Nothing is compiled:
a cmake in front of the real one fails every --build, at which the scripts end.
usage: build_folder.py"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PARTS = ("CMakeLists.txt", "CMakePresets.json", "benchmarks", "configs", "data_tools", "include",
         "jobs", "src", "tests")
CCACHE = "cmake;-E;env;CCACHE_SLOPPINESS=pch_defines,time_macros;ccache"
found = []


class Clone:
    def __init__(self, folder):
        self.root = folder / "clone"
        self.root.mkdir()
        for part in PARTS:
            copy = shutil.copytree if (SOURCE / part).is_dir() else shutil.copy
            copy(SOURCE / part, self.root / part)
        tools = folder / "tools"
        tools.mkdir()
        (tools / "cmake").write_text('#!/bin/sh\n[ "$1" != --build ] || { echo built; exit 1; }\n'
                                     f'exec {shutil.which("cmake")} "$@"\n')
        (tools / "cmake").chmod(0o755)
        self.environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
        self.folder = self.root / "build/release"
        self.file = self.folder / "CMakeCache.txt"

    def call(self, *command):
        return subprocess.run(command, cwd=self.root, env=self.environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout

    def cached(self, name):
        return re.search(f"^{name}:[A-Z]*=(.*)$", self.file.read_text(), re.MULTILINE)[1]

    def replace(self, name, value):
        text, count = re.subn(f"^({name}:[A-Z]*=).*$", rf"\g<1>{value}", self.file.read_text(),
                              flags=re.MULTILINE)
        assert count == 1, name
        self.file.write_text(text)

    def run(self, after, script, **expected):
        """A script comes as far as building, with these values in the cache."""
        said = self.call("bash", script)
        wrong = {name: value for name in expected
                 if (value := self.cached(name) if self.file.exists() else "") != expected[name]}
        if "built\n" not in said or wrong:
            found.append(f"{script} {after}, with {wrong} for {expected}:\n{said}")


def main():
    everything = {"IJEPA_TESTS": "ON", "IJEPA_BENCHMARKS": "ON", "IJEPA_CUDA": "AUTO"}
    programs = {"IJEPA_TESTS": "OFF", "IJEPA_BENCHMARKS": "OFF", "IJEPA_CUDA": "OFF"}
    with tempfile.TemporaryDirectory() as folder:
        clone = Clone(pathlib.Path(folder).resolve())
        clone.run("in a fresh clone", "jobs/quickstart.sh", **programs)
        clone.run("after the quick start", "tests/run.sh", **everything)
        listing = clone.call("ctest", "--test-dir", "build/release", "-N")
        if not re.search(r"Total Tests: [1-9]", listing):
            found.append(f"no tests after both commands:\n{listing}")
        # What the tests need stays: to take it away would only cost the next build.
        clone.run("after the tests", "jobs/quickstart.sh", **everything)

        clone.replace("CMAKE_CXX_COMPILER_LAUNCHER", "/nonexistent/launcher")
        clone.replace("IJEPA_SANITIZE", "thread")
        clone.run("after a launcher that is gone", "jobs/bundle.sh", IJEPA_SANITIZE="",
                  CMAKE_CXX_COMPILER_LAUNCHER=CCACHE if shutil.which("ccache") else "")
        clone.replace("CMAKE_GENERATOR", "Unix Makefiles")
        clone.run("after another generator", "jobs/quickstart.sh", **programs,
                  CMAKE_GENERATOR="Ninja")
        clone.replace("CMAKE_HOME_DIRECTORY", "/nonexistent")
        clone.run("in a clone that was moved", "tests/run.sh", **everything)
        clone.file.write_text(clone.file.read_text()[:2000])
        shutil.rmtree(clone.folder / "CMakeFiles")
        clone.run("after a configure that was killed", "tests/run.sh", **everything)
    print(*found, f"build folder: {len(found)} complaints", sep="\n\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
