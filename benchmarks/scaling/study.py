"""Training runs of a scaling study: starts them and reads where their time went."""
import csv
import math
import os
import re
import shlex
import statistics
import subprocess
import sys

WARM_UP = 4  # steps left out: first touch of memory, kernels made for new shapes


class Study:
    """`options` are those of scaling.py; everything is written below `folder`, on a file system that
    all ranks see."""

    def __init__(self, options, folder):
        self.options, self.folder, self.runs = options, folder, 0
        self.environment = dict(os.environ, OMP_NUM_THREADS=str(options.threads),
                                OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        self.group = options.batch // max(options.ranks)
        self.shards = options.shards or self.make_shards()

    def program(self, name):
        return os.path.join(self.options.bin, name)

    def start(self, *command):
        return subprocess.Popen([str(word) for word in command], env=self.environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def call(self, *command):
        return self.finish(self.start(*command))

    @staticmethod
    def finish(process):
        output = process.communicate()[0]
        if process.returncode != 0:
            sys.exit(f"{shlex.join(process.args)}\nended with {process.returncode}:\n{output}")
        return output

    def make_shards(self):
        images, shards = self.folder / "images", self.folder / "shards"
        if not shards.exists():
            self.call(self.program("ijepa-synth"), "--out", images, "--size", "64",
                      "--train", "2000", "--test", "10")
            self.call(self.program("ijepa-shards"), images, "--out", shards)
        return shards / "train"

    def settings(self, run, batch):
        all_settings = [f"run.dir={run}", f"data.shards={self.shards}", "optim.epochs=1000",
                        f"optim.global_batch={batch}", f"optim.max_steps={self.options.steps}",
                        f"mask.truncate_group={self.group}", "run.health_every=0",
                        "run.checkpoint_minutes=0", f"compute.threads={self.options.threads}",
                        f"data.threads={self.options.threads}", *self.options.set]
        return [word for setting in all_settings for word in ("--set", setting)]

    def on_ranks(self, ranks, run, batch):
        """The command that trains."""
        launch = self.options.launch.format(
            ranks=ranks, nodes=math.ceil(ranks / self.options.ranks_per_node))
        return [*shlex.split(launch), self.program("ijepa-pretrain"), self.options.config,
                *self.settings(run, batch)]

    def start_run(self, ranks, batch):
        """A training run under way, and its folder."""
        self.runs += 1
        run = self.folder / f"run{self.runs}"
        return self.start(*self.on_ranks(ranks, run, batch)), run

    @staticmethod
    def parts(run):
        """Medians over the steps: seconds of a step, and the shares of it."""
        with open(run / "metrics.csv", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))[WARM_UP:]
        median = lambda name: statistics.median(float(row[name]) for row in rows)
        return {"seconds": median("time (ms)") / 1e3, "rank_wait": median("rank_wait"),
                "data_wait": median("data_wait")}

    def measure(self, ranks, batch):
        process, run = self.start_run(ranks, batch)
        self.finish(process)
        return self.parts(run)

    def limit(self, ranks, batch):
        """Images/s when nothing is exchanged: one-rank runs with the share of a rank. Where ranks
        share a machine as many run at a time, elsewhere one stands for all."""
        started = [self.start_run(1, batch // ranks)
                   for _ in range(ranks if self.options.shared_machine else 1)]
        for process, _ in started:
            self.finish(process)
        rates = [batch / ranks / self.parts(run)["seconds"] for _, run in started]
        return statistics.mean(rates) * ranks

    def gradient(self):
        """Bytes of the gradient, and the buckets in which it is summed."""
        command = self.on_ranks(1, self.folder / "none", self.options.batch)
        found = re.search(r"with ([\d.]+) M parameters, predictor ([\d.]+) M",
                          self.call(*command, "--dry-run"))
        size = 4e6 * (float(found[1]) + float(found[2]))
        bucket = float(self.call(*command, "--show", "compute.bucket_mib")) * 2**20
        return size, max(1, math.ceil(size / bucket))
