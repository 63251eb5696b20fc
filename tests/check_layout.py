#!/usr/bin/env python3
"""Checks the tree against docs/architecture.md: include and link arrows, who may include which
library, headers, lengths, top level, leftovers. Prints every finding; exit 1 if any.

usage: check_layout.py              the tree this file is in
       check_layout.py --format     that it is as clang-format 14 would write it
       check_layout.py --self-test  breaks every rule once in a scratch tree
"""
import fnmatch
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

# folder -> folders it may include and link directly; what those may, it may too.
ARROWS = {
    "core": [],
    "cli": ["core"],
    "device": ["core"],
    "nn": ["device"],
    "model": ["nn"],
    "comm": ["device"],
    "data": ["core"],
    "drawing": ["data"],
    "train": ["model", "drawing", "comm"],
    "tasks": ["train", "model", "data"],
    "apps": ["tasks", "train", "cli"],
    "data_tools": ["tasks", "train", "cli"],
}
# Folders inside another's that are libraries of their own: they use what lies around them, not the
# other way round, and not one another.
OWN_LIBRARIES = ["tasks/inference", "tasks/search", "tasks/probing", "tasks/classification",
                 "tasks/prediction", "tasks/segmentation", "train/weights"]
# Folders inside another's, each of which uses those before it.
ROOMS = {
    "train": ["recipe", "checkpoint", "step", "health", "logs", "run", "fit"],
    "data": ["images", "shards", "loading"],
    "tasks": ["loop", "images", "features", "network"],
    "data_tools": ["synthesis", "sources", "layout", "packing", "inspection", "plots"],
}
# Included header -> the only places that may include it.
CONFINED = {
    "mpi.h": ["src/comm/*", "tests/*", "benchmarks/*"],
    "hdf5.h": ["src/data/shards/*", "src/train/checkpoint/*", "src/tasks/features/feature_file*",
               "tests/*"],
    "*hdf5_handle.hpp": ["src/data/shards/*", "src/train/checkpoint/*",
                         "src/tasks/features/feature_file*"],
    "faiss/*": ["src/tasks/features/similarity_index*", "benchmarks/search/*"],
    "*.pb.h": ["src/train/logs/event_files*", "src/train/weights/onnx_*"],
    "zip.h": ["src/train/weights/*", "tests/*"],
    "cuda*.h": ["src/device/cuda/*", "src/comm/nccl/*", "tests/support/cuda_emulation/*",
                "tests/device/cuda/*"],
    "cublas*": ["src/device/cuda/*"],
    "cudnn*": ["src/device/cuda/*", "tests/device/cuda/*"],
    "nccl.h": ["src/comm/nccl/*", "tests/support/cuda_emulation/*", "tests/device/cuda/*"],
}
TOP_LEVEL = {"CITATION.cff", "CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md",
             "benchmarks", "configs", "data_tools", "docs", "findings", "include", "jobs", "src",
             "tests"}
CODE = {".cpp", ".hpp", ".cu", ".cuh"}
CODE_FOLDERS = {"src", "include", "data_tools", "tests", "benchmarks"}
TEXT = CODE | {".py", ".sh", ".sbatch", ".md", ".toml", ".txt", ".json", ".cmake"}
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60
MAX_HEADER_COMMENT = 4
# Written in two pieces so that this file does not find itself.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK|not imple" r"mented|place" r"holder)\b")
MACHINE_PATH = re.compile(r"/(wo" r"rk|fa" r"rm)/|\.lib" r"rary\b")


def closure(arrows):
    """Every folder with all folders below it and itself."""
    def below(folder):
        return {folder}.union(*(below(d) for d in arrows[folder]))
    return {folder: below(folder) for folder in arrows}


REACH = closure(ARROWS)


def tracked_files(root):
    """Files git knows or would add; all files where this is no checkout (a release archive)."""
    listing = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, text=True) if (root / ".git").exists() else None
    if listing is None or listing.returncode != 0:
        skip = {"build", "runs", ".git", "__pycache__", ".cache"}
        return sorted(p.relative_to(root) for p in root.rglob("*")
                      if p.is_file() and not skip & set(p.relative_to(root).parts))
    names = sorted(set(filter(None, listing.stdout.split("\0"))))
    return [pathlib.Path(n) for n in names if (root / n).is_file()]


def layer_of(path):
    """The folder of ARROWS a file belongs to; None where anything may be included."""
    parts = path.parts
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    if parts[:2] == ("include", "ijepa") and len(parts) > 3:
        return parts[2]
    return "data_tools" if parts[0] == "data_tools" else None


def part_of(path):
    """The library of its own inside `tasks` or `train` that a file belongs to; None: it has none."""
    for folder in OWN_LIBRARIES:
        if f"/{folder}/" in f"/{path.as_posix()}":
            return folder
    return None


def room_of(path):
    """Where among the ROOMS of its folder a file stands; None where that has none or it is in none."""
    rooms = ROOMS.get(layer_of(path), [])
    return rooms.index(path.parts[-2]) if path.parts[-2] in rooms else None


def resolve(root, path, include):
    """The file of this project an include means, relative to the root, or None."""
    for base in (path.parent, pathlib.Path("include"), pathlib.Path()):
        candidate = (root / base / include).resolve()
        if candidate.is_file() and root in candidate.parents:
            return candidate.relative_to(root)
    return None


def check_includes(root, path, lines):
    layer = layer_of(path)
    for number, line in enumerate(lines, 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^">]+)[">]', line)
        if not match:
            continue
        quoted, name = match.group(1) == '"', match.group(2)
        where = f"{path}:{number}"
        for pattern, places in CONFINED.items():
            if fnmatch.fnmatch(name, pattern) and not any(
                    fnmatch.fnmatch(path.as_posix(), p) for p in places):
                yield f"{where}: {name} may be included only in {', '.join(places)}"
        if not quoted:
            continue
        target = resolve(root, path, name)
        if target is None:
            yield f"{where}: {name} is no file of this project; libraries are included with <>"
            continue
        other = layer_of(target)
        if layer is None:
            continue
        if layer not in REACH:
            yield f"{path}: the folder {layer} is not in the dependency table"
            return
        if target.parts[0] in ("tests", "benchmarks") or (other and other not in REACH[layer]):
            yield f"{where}: {layer} must not include {target}; it may use {sorted(REACH[layer])}"
        elif layer == other and part_of(target) not in (None, part_of(path)):
            yield f"{where}: only {part_of(target)} itself may include {target} inside {layer}"
        elif layer == other and None not in (room_of(path), room_of(target)) \
                and room_of(target) > room_of(path):
            yield f"{where}: {path.parts[-2]} must not include {target}: {', '.join(ROOMS[layer])}"


def check_links(root):
    """The DEPENDS of src/CMakeLists.txt are arrows too."""
    path = root / "src" / "CMakeLists.txt"
    if not path.exists():
        return
    own = {folder.replace("/", "_"): folder.split("/")[0] for folder in OWN_LIBRARIES}
    calls = re.findall(r"ijepa_library\(\s*([\w/]+)([^)]*)\)", path.read_text())
    for folder, arguments in calls:
        depends = re.search(r"DEPENDS\s+((?:[a-z_]+\s*)*)", arguments)
        for other in depends.group(1).split() if depends else []:
            layer, below = folder.split("/")[0], own.get(other, other)
            if below not in REACH.get(layer, set()) or (other in own and below == layer):
                yield f"src/CMakeLists.txt: {folder} must not link {other}"


def check_header(path, lines):
    pragma = next((i for i, line in enumerate(lines) if line.strip() == "#pragma once"), None)
    if pragma is None:
        yield f"{path}: a header needs #pragma once"
        return
    comment = 0
    while comment < len(lines) and lines[comment].startswith("//"):
        comment += 1
    if not 1 <= comment <= MAX_HEADER_COMMENT:
        yield (f"{path}: a header starts with a comment of 1 to {MAX_HEADER_COMMENT} lines that "
               f"says what it is; this one has {comment}")


def check_lengths(path, lines):
    if len(lines) > MAX_FILE_LINES:
        yield f"{path}: {len(lines)} lines, more than {MAX_FILE_LINES}"
    if path.suffix not in CODE:
        return
    # With the project's format a function at namespace level ends in a "}" of its own at column 0.
    begin = None
    for number, line in enumerate(lines, 1):
        if re.match(r"[A-Za-z].*\(.*", line) and not line.startswith(("namespace", "struct", "class")):
            if not line.rstrip().endswith(";"):
                begin = number
        elif line.startswith("}"):
            if begin and number - begin + 1 > MAX_FUNCTION_LINES:
                yield (f"{path}:{begin}: a function of {number - begin + 1} lines, more than "
                       f"{MAX_FUNCTION_LINES}")
            begin = None


def check_leftovers(path, lines):
    for number, line in enumerate(lines, 1):
        if MACHINE_PATH.search(line):
            yield f"{path}:{number}: a path of one machine"
        if path.parts[0] in CODE_FOLDERS | {"jobs"} and UNFINISHED.search(line):
            yield f"{path}:{number}: an unfinished word"


def check_top_level(files):
    present = {p.parts[0] for p in files if not p.parts[0].startswith(".")}
    for name in sorted(present - TOP_LEVEL):
        yield f"{name}: not one of the agreed top-level entries"
    for name in sorted(TOP_LEVEL - present):
        yield f"{name}: missing at the top level"


def check_format(root, files):
    tool = shutil.which("clang-format-14")
    code = [str(root / p) for p in files if p.suffix in CODE and p.parts[0] in CODE_FOLDERS]
    if not tool:
        print("[  SKIPPED ] clang-format-14 is not installed")
        return
    run = subprocess.run([tool, "--dry-run", "-Werror", *code], capture_output=True, text=True)
    for line in run.stderr.splitlines():
        if "-Wclang-format-violations" in line:
            yield line.replace(f"{root}/", "")


def findings(root):
    files = tracked_files(root)
    yield from check_top_level(files)
    yield from check_links(root)
    for path in files:
        if path.suffix not in TEXT:
            continue
        lines = (root / path).read_text(errors="replace").splitlines()
        yield from check_leftovers(path, lines)
        if path.parts[0] not in CODE_FOLDERS | {"jobs"} or path.suffix in {".json", ".md"}:
            continue
        yield from check_lengths(path, lines)
        if path.suffix in CODE:
            yield from check_includes(root, path, lines)
        if path.suffix in {".hpp", ".cuh"}:
            yield from check_header(path, lines)


# What is written into a sound scratch tree -> a piece of the finding it must bring.
BREAKS = [
    ("src/core/a.cpp", '#include "ijepa/data/shard.hpp"\n', "core must not include"),
    ("src/nn/a.cpp", '#include "../comm/b.hpp"\n', "nn must not include"),
    ("src/train/a.cpp", '#include "tests/support/c.hpp"\n', "train must not include"),
    ("src/tasks/a.cpp", '#include "ijepa/tasks/probing/e.hpp"\n', "only tasks/probing itself"),
    ("src/tasks/prediction/a.cpp", '#include "ijepa/tasks/probing/e.hpp"\n', "only tasks/probing"),
    ("src/train/step/a.cpp", '#include "ijepa/train/run/f.hpp"\n', "step must not include"),
    ("data_tools/layout/a.cpp", '#include "data_tools/plots/g.hpp"\n', "layout must not include"),
    ("src/model/a.cpp", "#include <mpi.h>\n", "mpi.h may be included only"),
    ("src/data/loading/loader.cpp", "#include <hdf5.h>\n", "hdf5.h may be included only"),
    ("src/nn/a.cpp", "#include <cuda_runtime.h>\n", "may be included only in src/device/cuda"),
    ("src/core/a.cpp", '#include "toml.hpp"\n', "no file of this project"),
    ("src/extra/a.cpp", '#include "ijepa/data/shard.hpp"\n', "not in the dependency table"),
    ("src/CMakeLists.txt", "ijepa_library(core DEPENDS data)\n", "core must not link data"),
    ("src/CMakeLists.txt", "ijepa_library(train DEPENDS train_weights)\n",
     "train must not link train_weights"),
    ("include/ijepa/core/a.hpp", "// A: one idea.\nint a();\n", "needs #pragma once"),
    ("include/ijepa/core/a.hpp", "#pragma once\nint a();\n", "starts with a comment"),
    ("include/ijepa/core/a.hpp", "// 1\n// 2\n// 3\n// 4\n// 5\n#pragma once\n", "this one has 5"),
    ("src/core/a.cpp", "\n" * 501, "501 lines"),
    ("src/core/a.cpp", "int f(int x) {\n" + "  ++x;\n" * 60 + "  return x;\n}\n", "a function of 63"),
    ("src/core/a.cpp", "// TO" "DO: later\n", "an unfinished word"),
    ("docs/a.md", "see /wo" "rk/main\n", "a path of one machine"),
    ("notes.txt", "hello\n", "not one of the agreed"),
]


def make_sound_tree(root):
    for name in TOP_LEVEL:
        if "." in name or name == "LICENSE":
            (root / name).write_text("x\n")
        else:
            (root / name).mkdir()
            (root / name / "keep.txt").write_text("x\n")
    headers = ["include/ijepa/core/error.hpp", "include/ijepa/data/shard.hpp", "src/comm/b.hpp",
               "include/ijepa/tasks/probing/e.hpp", "include/ijepa/train/run/f.hpp",
               "data_tools/plots/g.hpp", "tests/support/c.hpp"]
    for name in headers:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("// One idea.\n#pragma once\n")
    source = root / "src" / "data" / "shards" / "shard.cpp"
    source.parent.mkdir(parents=True)
    source.write_text('#include <hdf5.h>\n#include "ijepa/core/error.hpp"\n')


def self_test():
    wrong = []
    for name, text, expected in [("", "", "")] + BREAKS:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder).resolve()
            make_sound_tree(root)
            if name:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            found = list(findings(root))
            if (not name and found) or (name and not any(expected in f for f in found)):
                wrong.append(f"{name or 'the sound tree'}: expected '{expected}', found {found}")
    print(*wrong, f"self-test: {len(BREAKS) + 1} trees, {len(wrong)} wrong", sep="\n")
    return bool(wrong)


def main():
    root = pathlib.Path(__file__).resolve().parents[1]
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    if sys.argv[1:] == ["--format"]:
        found = list(check_format(root, tracked_files(root)))
    else:
        found = list(findings(root))
    print(*found, f"layout: {len(found)} findings", sep="\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
