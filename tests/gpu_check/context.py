"""What a step of the GPU check may use: the bundle, the device, a scratch folder, programs with a
time limit, and words for what went wrong."""
import collections
import os
import pathlib
import shutil
import signal
import subprocess
import time

STAGE_SECONDS = 470
LOG_BYTES_A_COMMAND = 20000


# A line of stage*.csv. `bound` is empty where a value is told and nothing is demanded of it.
Row = collections.namedtuple("Row", "case measure value unit bound result")


class Failed(Exception):
    """A step's own words on why it has no result."""


class NotRun(Exception):
    """What a step needs is not on this machine."""


class Context:
    """What a step may use: the bundle, the device, a scratch folder, and run()."""

    def __init__(self, bundle, device, out, work):
        self.bundle, self.device, self.out, self.work = bundle, device, out, work
        self.small = device == "cpu"  # a trial of the check itself
        self.deadline = time.monotonic() + STAGE_SECONDS
        self.environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1",
                                OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        if self.small:
            self.environment["OMP_NUM_THREADS"] = "1"  # it runs beside other tests
        self.environment["LD_LIBRARY_PATH"] = ":".join(
            filter(None, [os.environ.get("LD_LIBRARY_PATH"), *python_library_folders()]))

    def program(self, name):
        return str(self.bundle / "bin" / name)

    def tool(self, name):
        """A tool of the CUDA toolkit; None where there is none."""
        homes = [os.environ.get("CUDA_HOME"), os.environ.get("CUDA_PATH"), "/usr/local/cuda"]
        folders = [os.path.join(home, part) for home in filter(None, homes)
                   for part in ("bin", "extras/compute-sanitizer")]
        return shutil.which(name) or shutil.which(name, path=":".join(folders))

    def log(self, text):
        with open(self.out / "gpu_check.log", "a", encoding="utf-8") as log:
            log.write(text)

    def run(self, command, seconds):
        """(exit code, output); the code is None where it was ended after `seconds`."""
        seconds = max(1, min(seconds, self.deadline - time.monotonic()))
        begin = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   stdin=subprocess.DEVNULL, text=True, errors="replace",
                                   env=self.environment, start_new_session=True)
        try:
            output, _ = process.communicate(timeout=seconds)
            code = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            code = None
        kept = output if len(output) <= LOG_BYTES_A_COMMAND else (
            output[:LOG_BYTES_A_COMMAND // 2] + "\n...\n" + output[-LOG_BYTES_A_COMMAND // 2:])
        self.log(f"\n$ {' '.join(command)}\n{kept}\n[code {code}, "
                 f"{time.monotonic() - begin:.1f} s]\n")
        return code, output

    def must_run(self, command, seconds):
        """The output of a command that has to succeed."""
        code, output = self.run(command, seconds)
        if code is None:
            raise Failed(f"took longer than {seconds} s")
        if code != 0:
            lines = output.strip().splitlines() or ["no output"]
            raise Failed(f"code {code}: {lines[-1]}")
        return output


def python_library_folders():
    """Where this Python's packages keep NVIDIA's libraries."""
    try:
        import nvidia
    except ImportError:
        return []
    return sorted(str(folder) for base in nvidia.__path__
                  for folder in pathlib.Path(base).glob("*/lib"))
