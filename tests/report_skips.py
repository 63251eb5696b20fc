#!/usr/bin/env python3
"""Names the tests of a ctest run that were skipped, and fails where a skip must not pass.

A skipped test counts as passed for ctest, even when it failed before it skipped, and a program of
many tests may skip one of them unseen. So the outputs in the JUnit report are read as well. With
CI=true a skip under one of the labels STRICT is a failure: there, everything a test needs exists.
"""
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

STRICT = {"golden", "gradient", "mpi", "e2e", "fault", "slurm", "cuda"}
# Their golden files are too large for tests/golden.
NEED_SHARED_FOLDER = "CheckpointGolden"


def labels_of_tests(build):
    listing = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], check=True,
                             capture_output=True, text=True).stdout
    labels = {}
    for test in json.loads(listing)["tests"]:
        for entry in test.get("properties", []):
            if entry["name"] == "LABELS":
                labels[test["name"]] = set(entry["value"])
    return labels


def skips_and_hidden_failures(report):
    """Names of skipped tests, and of those among them whose output tells of a failure."""
    skipped, failed = [], []
    for case in ElementTree.parse(report).iter("testcase"):
        output = case.findtext("system-out") or ""
        marked = re.search(r"\[  SKIPPED \]", output)
        if case.find("skipped") is None and not marked:
            continue
        skipped.append(case.get("name"))
        if re.search(r"\[  FAILED  \]", output):
            failed.append(case.get("name"))
    return skipped, failed


def is_strict(labels):
    return any(label in STRICT or label.startswith("cuda_") for label in labels)


def is_excused(name):
    shared = os.path.join(os.path.dirname(__file__), "..", "..", "shared", "golden")
    absent = "IJEPA_GOLDEN_DIR" not in os.environ and not os.path.exists(shared)
    return absent and NEED_SHARED_FOLDER in name


def main():
    build, report = sys.argv[1:]
    if not os.path.exists(report):
        return 0  # ctest itself failed and said why
    skipped, failed = skips_and_hidden_failures(report)
    labels = labels_of_tests(build)
    strict = [name for name in skipped
              if is_strict(labels.get(name, set())) and not is_excused(name)]
    if skipped:
        print("Skipped:", *skipped, sep="\n  ")
    if failed:
        print("Skipped after a failure, which ctest hides:", *failed, sep="\n  ")
    if strict and os.environ.get("CI") == "true":
        print("With CI=true these may not be skipped:", *strict, sep="\n  ")
        return 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
