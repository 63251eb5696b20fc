#!/usr/bin/env python3
"""The bundle of jobs/bundle.sh and the GPU check in it, on a machine without a GPU: unpacked into
another folder, its programs need nothing but the C library's files (as root they run where there is
nothing else), train, run on two ranks, and say in a sentence that there is no GPU.
usage: bundle.py BIN_FOLDER"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
C_LIBRARY = re.compile(r"^(linux-vdso|.*ld-linux[^/]*|libc|libm|libdl|libpthread|librt|libresolv|"
                       r"libutil)\.so")
ENVIRONMENT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
               "OMP_NUM_THREADS": "1", "PATH": os.environ["PATH"]}
found = []


def run(*command, expect=0, **options):
    done = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **{"env": ENVIRONMENT, **options})
    if done.returncode != expect:
        found.append(f"{' '.join(map(str, command))}\nended with {done.returncode}, not {expect}:\n"
                     f"{done.stdout}")
    return done.stdout


def demand(truth, complaint):
    if not truth:
        found.append(complaint)


def foreign_libraries(root):
    """Libraries that a file of the bundle takes from outside, but the C library's."""
    files = [*root.glob("libexec/*"), *root.glob("lib/*"), *root.glob("openmpi/**/*.so")]
    for line in run("ldd", *files, env={"PATH": os.environ["PATH"]}).splitlines():
        name, arrow, path = line.strip().partition(" => ")
        path = os.path.realpath(path.partition(" (0x")[0])
        if arrow and not C_LIBRARY.match(name) and not path.startswith(f"{root}/"):
            yield line.strip()


def train(root, run_folder, *launcher, **options):
    """Five steps; their losses."""
    output = run(*launcher, root / "bin/ijepa-pretrain", root / "configs/synthetic.toml",
                 *(word for setting in (f"data.shards={root}/shards/train", f"run.dir={run_folder}",
                                        "optim.max_steps=5", "run.health_every=0",
                                        "data.threads=1", "optim.global_batch=8",
                                        "mask.truncate_group=8")
                   for word in ("--set", setting)), **options)
    demand("step 5: saved" in output, f"no checkpoint of step 5 in:\n{output}")


def train_with_nothing_else(bundle, work):
    """In a file system that has a shell, the C library and the bundle, and no environment."""
    if os.geteuid() != 0:
        print("not root: the run in an empty file system is left out")
        return
    jail = work / "jail"
    shell = shutil.which("dash") or "/bin/sh"
    for line in run("ldd", shell, *bundle.glob("libexec/*")).splitlines():
        path = next((word for word in line.split() if word.startswith("/")), None)
        if path and C_LIBRARY.match(os.path.basename(path)):
            (jail / path[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, jail / path[1:])
    for folder in ("bin", "tmp", "dev"):
        (jail / folder).mkdir(exist_ok=True)
    shutil.copy(shell, jail / "bin/sh")
    shutil.copytree(bundle, jail / "ijepa", symlinks=True)
    # The dynamic loader asks /proc where a program lies, or else this variable.
    train(pathlib.Path("/ijepa"), "/tmp/run", preexec_fn=lambda: (os.chroot(jail), os.chdir("/")),
          env={"OMP_NUM_THREADS": "1", "LD_ORIGIN_PATH": "/ijepa/libexec"})


def check_no_gpu(root, out):
    """Where there is no GPU the check is one sentence and a failure."""
    said = run("bash", root / "check/gpu_check.sh", "--out", out, expect=1)
    demand(said.startswith("gpu_check: ") and said.count("\n") == 1,
           f"not one sentence about the missing GPU:\n{said}")
    said = run(root / "bin/ijepa-opcheck", "--device", "cuda", expect=1)
    demand(said.count("\n") == 1, f"not one sentence about the missing GPU:\n{said}")


def check_on_cpu(root, out):
    run("bash", root / "check/gpu_check.sh", "--device", "cpu", "--out", out)
    files = sorted(path.name for path in out.iterdir())
    demand(len(files) <= 8, f"the check left {len(files)} files: {files}")
    report = (out / "gpu_report.md").read_text(encoding="utf-8") if "gpu_report.md" in files else ""
    for part in ("### operations: passed", "### golden steps: passed", "### training: passed",
                 "### repetition: passed", "### steps: passed", "### kernels: passed",
                 "### product algorithms: passed", "| bias gradient tiny/2048x192x192/bfloat16 |",
                 "## Never run"):
        demand(part in report, f"no \"{part}\" in the report:\n{report}")
    return report


def check_algorithms(work):
    """Measured choices, which only a GPU writes, as the report tells them."""
    sys.path.insert(0, str(SOURCE / "tests/gpu_check"))
    import steps
    path = work / "choices.jsonl"
    path.write_text('{"product": "p", "microseconds": [30.0, 20.0, 25.0]}\n'
                    '{"product": "q", "microseconds": []}\n', encoding="utf-8")
    told = [f"{row.case} {row.measure} {row.value} {row.unit}" for row in steps.algorithms_of(path)]
    demand(told == ["p first suggestion 30 us", "p fastest of 3 20 us",
                    "p first over fastest 1.5 times", "p slowest 30 us"], f"choices told as {told}")


def check_goes_on_past_failures(bundle, work):
    """A broken program costs its own steps, and the code says that something failed."""
    broken = work / "broken"
    shutil.copytree(bundle, broken, symlinks=True)
    (broken / "bin/ijepa-pretrain").write_text("#!/bin/sh\necho torn\nexit 3\n")
    out = work / "out_broken"
    run("bash", broken / "check/gpu_check.sh", "--device", "cpu", "--stage", "1", "--out", out,
        expect=1)
    report = (out / "gpu_report.md").read_text(encoding="utf-8")
    for part in ("### training: FAILED", "code 3: torn", "### golden steps: passed"):
        demand(part in report, f"no \"{part}\" in the report of a broken bundle:\n{report}")


def check_refusals(work):
    script = SOURCE / "tests/gpu_check.sh"
    torn = work / "torn.tar.xz"
    torn.write_bytes(b"no archive")
    for arguments, part in ((("--stage", "4"), "there is no stage 4"),
                            (("--bundle", work / "none"), "make it with jobs/bundle.sh"),
                            (("--bundle", torn), "is no whole bundle"),
                            (("--stag", "1"), "--stag is unknown")):
        said = run("bash", script, *arguments, expect=2)
        demand(part in said, f"no \"{part}\" in:\n{said}")


def check_names(folder):
    """--all leaves out no program of the folder."""
    script = (SOURCE / "jobs/bundle.sh").read_text(encoding="utf-8")
    named = set(re.findall(r"ijepa-[a-z]+", " ".join(re.findall(r"programs\+?=\((.*?)\)", script,
                                                                re.DOTALL))))
    built = {path.name for path in pathlib.Path(folder).glob("ijepa-*")}
    demand(built <= named, f"bundle.sh --all leaves out {built - named}")


def main():
    check_names(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder).resolve()
        packed = work / "bundle.tar.gz"  # quick to pack; users get .xz
        print(run("bash", SOURCE / "jobs/bundle.sh", "--bin", sys.argv[1], "--out", packed), end="")
        place = work / "another place"
        place.mkdir()
        run("tar", "-C", place, "-xf", packed)
        root = place / "ijepa"
        if found:
            sys.exit("\n\n".join(found))
        foreign = sorted(set(foreign_libraries(root)))
        demand(not foreign, "libraries from outside:\n" + "\n".join(foreign))
        train(root, work / "alone", env={"OMP_NUM_THREADS": "1"})
        train(root, work / "ranks", root / "bin/mpirun", "-n", "2", "--oversubscribe")
        train_with_nothing_else(root, work)
        check_no_gpu(root, work / "out_none")
        check_on_cpu(root, work / "out")
        check_algorithms(work)
        check_goes_on_past_failures(root, work)
        check_refusals(work)
    print(*found, f"bundle: {len(found)} complaints", sep="\n\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
