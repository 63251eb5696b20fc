"""ReFrame tests of the two commands of README.md, and of what was built with them. From the top of the
project, with the site's configuration or none:

    reframe -c jobs/reframe --list
    reframe -c jobs/reframe -r                               # all
    reframe -c jobs/reframe -r -n IjepaSmallRun         # after an upgrade of the system: seconds

IjepaSmallRun starts its ranks with the launcher of the site's configuration (srun, mpirun, ...)."""
import pathlib

import reframe as rfm
import reframe.utility.sanity as sn
from reframe.core.backends import getlauncher
from reframe.core.builtins import performance_function, run_after, run_before, sanity_function, variable

ROOT = pathlib.Path(__file__).resolve().parents[2]


class OfTheProject(rfm.RunOnlyRegressionTest):
    """Runs in the project itself, where its commands build."""
    valid_systems = ["*"]
    valid_prog_environs = ["*"]
    sourcesdir = None
    executable = "bash"
    prerun_cmds = [f"cd '{ROOT}'"]

    @run_before("run")
    def without_launcher(self):
        """The scripts start what they start by themselves."""
        self.job.launcher = getlauncher("local")()


@rfm.simple_test
class IjepaQuickStart(OfTheProject):
    """Build, images, shards, pretraining on two ranks with an interruption, neighbours and figures."""
    descr = "bash jobs/quickstart.sh"
    executable_opts = ["jobs/quickstart.sh", "2>&1"]
    time_limit = "2h"
    num_cpus_per_task = 2
    # Of the trained features; chance is 10 %.
    reference = {"*": {"neighbours_right": (50, -0.2, None, "%")}}

    @sanity_function
    def has_learned(self):
        return sn.assert_found(r"Saved after a signal", self.stdout) and sn.assert_found(
            r"For classifying: a linear layer", self.stdout)

    @performance_function("%", perf_key="neighbours_right")
    def neighbours_right(self):
        return sn.extractsingle(r"^in ([\d.]+) % of cases, by the untrained", self.stdout, 1, float)


@rfm.simple_test
class IjepaTests(OfTheProject):
    """Every phase of the tests, in its table at the end."""
    descr = "bash tests/run.sh"
    executable_opts = ["tests/run.sh", "2>&1"]
    time_limit = "4h"
    num_cpus_per_task = 2

    @sanity_function
    def all_passed(self):
        return sn.assert_found(r"^total +\d+ s +passed", self.stdout)

    @performance_function("s", perf_key="seconds")
    def seconds(self):
        return sn.extractsingle(r"^total +(\d+) s", self.stdout, 1, float)


@rfm.simple_test
class IjepaSmallRun(rfm.RunOnlyRegressionTest):
    """Drawn images, shards, twenty steps on some ranks: the programs, MPI and the launcher together."""
    descr = "a small pretraining with the programs as they are installed or built"
    valid_systems = ["*"]
    valid_prog_environs = ["*"]
    sourcesdir = None
    ranks = variable(int, value=1)  # more need a launcher in the configuration
    programs = variable(str, value=str(ROOT / "build/release/bin"))
    time_limit = "10m"
    num_cpus_per_task = 1
    steps = 20

    @run_after("setup")
    def command(self):
        self.num_tasks = self.ranks
        self.env_vars["OMP_NUM_THREADS"] = str(self.num_cpus_per_task)
        tool = f"{self.programs}/ijepa"
        self.prerun_cmds = [f"{tool}-synth --out images --classes 4 --train 64 --test 8 --size 64 --threads 1",
                            f"{tool}-shards images --out shards --threads 1"]
        self.executable = f"{tool}-pretrain"
        settings = {"data.shards": "shards/train", "run.dir": "run", "optim.max_steps": self.steps,
                    "optim.global_batch": 32, "run.log_every": self.steps}
        self.executable_opts = [str(ROOT / "configs/synthetic.toml"),
                                *(word for pair in settings.items() for word in ("--set", "{}={}".format(*pair)))]

    @sanity_function
    def all_ranks_made_all_steps(self):
        return sn.assert_found(rf"ranks? 0(-{self.ranks - 1})?: ", self.stderr) and sn.assert_found(
            rf"^step {self.steps}/{self.steps} ", self.stderr)

    @performance_function("images/s", perf_key="speed")
    def speed(self):
        return sn.extractsingle(r"^step \d+/\d+ .* ([\d.]+) images/s", self.stderr, 1, float)
