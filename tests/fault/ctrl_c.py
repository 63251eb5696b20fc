#!/usr/bin/env python3
"""Presses Ctrl-C in a terminal at random moments of a float32 run, started by itself, by mpirun and by
jobs/local.sh on one rank or two, with each set of kernels. Each time the run must save, or say in a
sentence why it could not, and end with the code that docs/slurm.md names; and in the end each run has
the weights and losses of one that nobody disturbed, bit for bit.

usage: ctrl_c.py BIN_FOLDER [--times 200] [--seed 0] [--folder DIR]"""
import argparse
import collections
import json
import os
import pathlib
import pty
import select
import signal
import subprocess
import sys
import tempfile
import time

import soak

LOCAL = pathlib.Path(__file__).resolve().parents[2] / "jobs" / "local.sh"
WAYS = [("alone", 1), ("mpirun", 2), ("local.sh", 2), ("mpirun", 1), ("local.sh", 1)]
SAVED, EARLY = "Saved after a signal", "Ended by a signal before the start was done"
LATE = "Not saved in time"
ERASE = "\r\x1b[K"
# What may come of it, and the codes that go with it. mpirun's own code is always 1; a process that is
# not ready to listen ends by the signal: SIGINT, or SIGUSR1, as local.sh passes it on.
ALLOWED = {SAVED: {"alone": [85], "local.sh": [85], "mpirun": [1]},
           EARLY: {"alone": [130], "local.sh": [130, 138], "mpirun": [1]},
           LATE: {"mpirun": [1]}}


class Terminal:
    """A command in a pseudo-terminal of its own."""

    def __init__(self, command, environment):
        self.output, self.code = "", None
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], [str(word) for word in command], environment)

    def read(self, seconds):
        """Until the command ends or the time is over."""
        end = time.time() + seconds
        while self.code is None and (left := end - time.time()) > 0:
            if not select.select([self.terminal], [], [], left)[0]:
                return
            try:
                data = os.read(self.terminal, 65536)
            except OSError:
                data = b""
            self.output += data.decode(errors="replace")
            if not data:
                code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
                self.code = code if code >= 0 else 128 - code
                os.close(self.terminal)

    def press_ctrl_c(self):
        os.write(self.terminal, b"\x03")

    def kill(self):
        os.killpg(self.pid, signal.SIGKILL)


class CtrlC(soak.Soak):
    """One run for each way to start and each set of kernels."""

    def command(self, run, way, ranks, kernels):
        words = [self.bin / "ijepa-pretrain", self.folder / "config.toml"]
        for setting in (f"run.dir={self.folder / run}", f"data.shards={self.folder / 'shards' / 'train'}",
                        f"optim.max_steps={self.steps}", f"compute.cpu_kernels={kernels}",
                        "compute.precision=float32", "run.log_every=10"):
            words += ["--set", setting]
        if way == "mpirun":
            words = ["mpirun", "-n", str(ranks), "--oversubscribe", *words]
        if way == "local.sh":
            words = ["bash", LOCAL, "-n", str(ranks), "-t", "1", *words]
        return words

    def interrupt(self, case):
        """What came of one Ctrl-C."""
        run, way = "_".join(map(str, case)), case[0]
        terminal = Terminal(self.command(run, *case), self.environment)
        before, end = len(self.rows(run)), time.time() + 120
        started = self.dice.random() < 0.8
        while started and terminal.code is None and time.time() < end and len(self.rows(run)) <= before:
            terminal.read(0.02)
        terminal.read(self.dice.random() * (1.5 if started else 0.8))
        terminal.press_ctrl_c()
        terminal.read(180)
        if terminal.code is None:
            terminal.kill()
            for rank in self.processes_of(run):
                os.kill(rank, signal.SIGKILL)
            return self.complain(case, terminal, "It did not end.")
        # A terminal that has no program yet takes Ctrl-C by itself, without a word.
        for what, codes in ALLOWED.items():
            if what in terminal.output:
                if terminal.code not in codes.get(way, []):
                    return self.complain(case, terminal, f"'{what}', but code {terminal.code}.")
                if what == SAVED and ERASE not in terminal.output:
                    return self.complain(case, terminal, "The terminal had no live line.")
                return what
        if not started and terminal.code in (1, 130) and len(self.rows(run)) == before:
            return "before the program ran"
        return self.complain(case, terminal, "Neither a save nor a reason.")

    def complain(self, case, terminal, what):
        print(f"{case}, code {terminal.code}: {what}\n{terminal.output[-3000:]}", flush=True)
        return "WRONG"

    def end(self, run, way, ranks, kernels):
        with open(self.folder / f"{run}.log", "ab") as log:
            code = subprocess.run(self.command(run, way, ranks, kernels), env=self.environment, stdout=log,
                                  stderr=log, check=False).returncode
        if code != 0:
            self.give_up(run, code)
        return self.tensors(run), self.rows(run)

    def same_bits(self, cases):
        """Two ranks add in another order than one, and so have their own undisturbed run."""
        undisturbed = {}
        for way, ranks, kernels in cases:
            run = f"{way}_{ranks}_{kernels}"
            self.steps = max(self.steps, len(self.rows(run)) + 20)
        for way, ranks, kernels in cases:
            if (ranks, kernels) not in undisturbed:
                undisturbed[ranks, kernels] = self.end(f"undisturbed_{ranks}_{kernels}",
                                                       "alone" if ranks == 1 else "mpirun", ranks, kernels)
            if self.end(f"{way}_{ranks}_{kernels}", way, ranks, kernels) != undisturbed[ranks, kernels]:
                print(f"The run by {way} on {ranks} ranks with {kernels} has other bits.")
                return False
        return True


def available_kernels():
    flags = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    return ["avx2", "avx512", "onednn"] if "avx512f" in flags else ["avx2"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder")
    arguments = parser.parse_args()
    arguments.ranks, arguments.bin = 0, arguments.bin.resolve()
    cases = [(way, ranks, kernels) for kernels in reversed(available_kernels()) for way, ranks in WAYS]
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        trial, begin = CtrlC(arguments, pathlib.Path(folder)), time.time()
        came = collections.Counter()
        for i in range(arguments.times):
            case = cases[i % len(cases)]
            what = trial.interrupt(case)
            came[what] += 1
            print(f"Ctrl-C {i + 1}: {case}: {what}", flush=True)
        same = trial.same_bits(cases[:arguments.times])
        print(json.dumps({"came": came, "seconds": round(time.time() - begin), "same_bits": same}))
        return 0 if same and came["WRONG"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
