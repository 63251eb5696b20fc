"""The steps of the GPU check: a table of what runs in which stage, and how each output becomes rows
of (case, measure, value, unit, bound, result)."""
import collections
import csv
import json
import os
import pathlib
import shutil
import sys

import properties
from context import Failed, NotRun, Row

Step = collections.namedtuple("Step", "stage name run")
HERE = os.path.dirname(os.path.abspath(__file__))
MEMORY_BOUND = 5  # per cent between the memory taken and the dry run's
# Dense bfloat16 peaks in TFLOP/s, as published, by a part of the GPU's name.
NOMINAL = {"A100": 312, "H100 PCIe": 756, "H100 NVL": 835, "H100": 989, "H200": 989}


def judged(case, measure, value, unit, bound):
    return Row(case, measure, f"{value:.4g}", unit, f"{bound:.4g}",
               "passed" if value <= bound else "FAILED")


def told(case, measure, value, unit):
    return Row(case, measure, f"{value:.5g}", unit, "", "told")


def fresh(path):
    """The path, with nothing there that an earlier run left."""
    if os.path.exists(path):
        os.remove(path)
    return path


def read_csv(path):
    """Rows of a file that a program may not have come to write."""
    if not os.path.exists(path):
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# ---- stage 1: is it right?

def opcheck(only, golden, seconds):
    """One row a case of ijepa-opcheck, with its worst comparison."""
    def run(context):
        path = fresh(os.path.join(context.work, "opcheck.csv"))
        command = [context.program("ijepa-opcheck"), "--device", context.device, "--only",
                   only["small" if context.small else "whole"], "--csv", path]
        if golden:
            command += ["--golden", str(context.bundle / "golden")]
        code, output = context.run(command, seconds)
        cases = collections.defaultdict(list)
        for row in read_csv(path):
            cases[f"{row['case']} {row['precision']}"].append(row)
        for case, rows in cases.items():
            share = lambda r: float(r["error"]) / float(r["bound"]) if r["error"] else float("inf")
            worst = max(rows, key=share)
            yield Row(case, worst["what"], f"{share(worst):.4g}", "of the bound", "1",
                      "FAILED" if any(r["result"] != "passed" for r in rows) else "passed")
        if code is None or not cases:
            last = (output.strip().splitlines() or ["no output"])[-1]
            raise Failed(f"ended after {len(cases)} cases: {last}")
    return run


def train(context, name, device, precision, run_steps):
    """Rows of metrics.csv of the quick start's recipe on the bundle's images."""
    folder = os.path.join(context.work, name)
    settings = {"data.shards": context.bundle / "shards" / "train", "run.dir": folder,
                "compute.device": device.split(":")[0], "compute.precision": precision,
                "optim.max_steps": run_steps, "run.health_every": 0, "run.log_every": 1000}
    if context.small:
        settings.update({"optim.global_batch": 8, "mask.truncate_group": 8})
    command = [context.program("ijepa-pretrain"), str(context.bundle / "configs/synthetic.toml")]
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    context.must_run(command, 150)
    return read_csv(os.path.join(folder, "metrics.csv"))


def losses(rows):
    return [float(row["loss"]) for row in rows]


def training(context):
    """200 steps on the device beside the CPU's: the first steps agree closely, later ones drift as
    rounding does, and what is learned is the same."""
    run_steps = 4 if context.small else 200
    mean = lambda losses: sum(losses[-50:]) / len(losses[-50:])
    with open(context.out / "losses.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["precision", "step", "reference", "device"])
        for precision, early, late in (("float32", 1e-4, 1e-2), ("bfloat16", 1e-2, 2e-2)):
            try:
                cpu = losses(train(context, f"cpu_{precision}", "cpu", precision, run_steps))
                device = losses(train(context, f"device_{precision}", context.device, precision,
                                      run_steps))
            except Failed as reason:
                yield Row(precision, str(reason), "", "", "", "FAILED")
                continue
            writer.writerows([precision, i + 1, *pair] for i, pair in enumerate(zip(cpu, device)))
            first = max(abs(d / c - 1) for c, d in zip(cpu[:10], device[:10]))
            last = abs(mean(device) / mean(cpu) - 1)
            yield judged(precision, "worst of the first 10 losses", first, "relative", early)
            yield judged(precision, "mean of the last 50 losses", last, "relative", late)


def repeated(context):
    """The same run twice has the same bits; the second finds the attention that the first compiled."""
    plans = [pathlib.Path(context.work) / f"again_{i}" / "attention_plans" for i in range(2)]
    runs = []
    for i in range(2):
        if i == 1 and plans[0].exists():
            shutil.copytree(plans[0], plans[1])
        runs.append(train(context, f"again_{i}", context.device, "bfloat16",
                          3 if context.small else 20))
    yield judged("bfloat16", "losses that differ",
                 sum(a != b for a, b in zip(*map(losses, runs))), "", 0)
    for i, name in enumerate(("compiling", "with kept plans")):
        kept = len(list(plans[i].rglob("*.plan")))
        yield told("bfloat16", f"plans of attention after the run {name}", kept, "")
        yield told("bfloat16", f"first 3 steps {name}",
                   sum(float(row["time (ms)"]) for row in runs[i][:3]), "ms")


def sanitizer(tool, only):
    def run(context):
        program = context.tool("compute-sanitizer")
        if context.small or program is None:
            raise NotRun("compute-sanitizer needs a GPU" if context.small else
                         "this machine has no compute-sanitizer")
        code, output = context.run(
            [program, "--tool", tool, "--target-processes", "all", "--error-exitcode", "9",
             str(context.bundle / "libexec" / "ijepa-opcheck"), "--device", context.device,
             "--only", only, "--seconds", "80"], 80)
        summary = [line for line in output.splitlines() if "ERROR SUMMARY" in line
                   or "RACECHECK SUMMARY" in line]
        if code is None or not summary:
            raise Failed("no summary: it took too long or did not start")
        errors = [line for line in summary if not any(
            f"SUMMARY: 0 {word}" in line for word in ("errors", "hazards"))]
        yield judged(only, f"{tool} summaries with errors", len(errors), "", 0)
    return run


# ---- stage 2: how fast is it?

def operations(pattern, small_pattern, seconds, options=()):
    """Rates of bench_ops, with the peaks measured in the same run."""
    def run(context):
        path = os.path.join(context.work, "ops.json")
        context.must_run(
            [context.program("bench_ops"), "--device", context.device, "--benchmark_filter="
             + (small_pattern if context.small else pattern), "--benchmark_min_time="
             + ("0.001" if context.small else "0.02"), f"--benchmark_out={path}",
             "--benchmark_out_format=json", *options], seconds)
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        for peak in ("gflops_f32", "gflops_bf16", "gbytes"):
            yield told("peak", peak, float(found["context"][peak]), "")
        for entry in found["benchmarks"]:
            name = entry["name"].removesuffix("/real_time")
            if "error_message" in entry:
                yield Row(name, entry["error_message"], "", "", "", "FAILED")
                continue
            yield told(name, "time", entry["real_time"], entry["time_unit"])
            for counter in ("GFLOP/s", "%peak", "GB/s", "%bandwidth"):
                if counter in entry:
                    yield told(name, counter, entry[counter], "")
        if not found["benchmarks"]:
            raise Failed("no operation was timed")
    return run


def nominal_of(device):
    return next((1e3 * peak for name, peak in NOMINAL.items() if name in device), None)


def step_rates(context):
    """Whole steps of bench_step; what they ran with is kept for the peer."""
    path = fresh(os.path.join(context.out, "steps.csv"))
    command = [context.program("bench_step"), "--device", context.device, "--csv", path]
    command += (["--only", "Tiny/4-32 bfloat16", "--batch", "2", "--steps", "1"] if context.small
                else ["--only", "bfloat16", "--steps", "10"])
    code, output = context.run(command, 240)
    for row in read_csv(path):
        case, gflops = f"{row['model']} x {row['batch']}", float(row["gflops"])
        yield told(case, "images/s", float(row["images_per_s"]), "")
        yield told(case, "step", float(row["ms_per_step"]), "ms")
        yield told(case, "share of GEMM rate", 100 * gflops / float(row["peak_gflops"]), "%")
        nominal = nominal_of(row["device"])
        if nominal:
            yield told(case, "MFU", 100 * gflops / nominal, "%")
        taken, planned = float(row["mib_taken"]), float(row["mib_planned"])
        apart = 100 * abs(taken / planned - 1)
        # On the CPU, where this is only tried, libraries count as memory of a very small step.
        yield (told if context.small else judged)(
            case, f"memory {taken:.0f} MiB, planned {planned:.0f}", apart, "% apart",
            *([] if context.small else [MEMORY_BOUND]))
    if code != 0:
        lines = [line for line in output.splitlines() if line.startswith("ViT") and "%" not in line]
        raise Failed("; ".join(lines) or f"bench_step ended with {code}")


def peer(context):
    """The same steps in PyTorch, at the same batch and lengths."""
    rows = read_csv(os.path.join(context.out, "steps.csv"))
    if not rows:
        raise NotRun("bench_step left no shapes to repeat")
    code, _ = context.run([sys.executable, "-c", "import torch"], 60)
    if code != 0:
        raise NotRun(f"{sys.executable} has no working torch")
    for row in rows:
        case = f"{row['model']} x {row['batch']}"
        code, output = context.run(
            [sys.executable, os.path.join(HERE, "peer.py"), "--device", context.device, "--model",
             row["model"], "--batch", row["batch"], "--context", row["context_tokens"], "--target",
             row["target_tokens"], *(["--eager", "--steps", "1"] if context.small else [])], 110)
        last = (output.strip().splitlines() or ["no output"])[-1]
        if code != 0:
            yield Row(case, f"PyTorch: {last}", "", "", "",
                      "not run" if "OutOfMemory" in last or code is None else "FAILED")
            continue
        rate = json.loads(last)["images_per_s"]
        yield told(case, "PyTorch images/s", rate, "")
        yield told(case, "this program's share of it", float(row["images_per_s"]) / rate, "times")


# ---- stage 3: what would make it faster?

def algorithms_of(path):
    """What cuBLASLt's candidates for each product took, from the file of measured choices."""
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    for line in lines:
        times, product = line["microseconds"], line["product"]
        if not times:
            continue
        yield told(product, "first suggestion", times[0], "us")
        yield told(product, f"fastest of {len(times)}", min(times), "us")
        yield told(product, "first over fastest", times[0] / min(times), "times")
        yield told(product, "slowest", max(times), "us")
        if ", bias" in product or ", sums" in product:
            yield Row(product, "epilogue", "apart" if line["apart"] else "in the product", "", "",
                      "told")


def bias_costs(rows):
    """Of rates of bench_ops: what a bias and its gradient add to the time of a product, in the way
    that was chosen, and a bias that is always apart."""
    times = {row.case: float(row.value) for row in rows if row.measure == "time"}
    for case in times:
        kind, _, shape = case.partition("/")
        if kind == "linear_forward" and f"bias_apart_forward/{shape}" in times:
            none, apart = (times[f"{kind}_forward/{shape}"] for kind in ("no_bias", "bias_apart"))
            yield told(f"bias {shape}", "as chosen", times[case] - none, "us more than none")
            yield told(f"bias {shape}", "apart", apart - none, "us more than none")
        if kind == "linear_backward_params" and f"no_bias_backward_params/{shape}" in times:
            none = times[f"no_bias_backward_params/{shape}"]
            yield told(f"bias gradient {shape}", "as chosen", times[case] - none, "us more than none")
            yield told(f"bias gradient {shape}", "share", 100 * (1 - none / times[case]), "%")


def product_algorithms(context):
    """The candidates of each product at our shapes, and biases in and beside products."""
    kinds = "^(linear_forward|linear_backward_(input|params)|no_bias_.*|bias_apart_.*)/"
    path = fresh(os.path.join(context.work, "product_choices.jsonl"))
    options = () if context.small else ("--product-algorithms", path)
    rows = list(operations(kinds + ".*/bfloat16", kinds + "tiny/2048x192x192/bfloat16", 150,
                           options)(context))
    yield from bias_costs(rows)
    found = list(algorithms_of(path))
    if not found and not context.small:
        raise Failed("no algorithm was measured")
    yield from found


def device_properties(context):
    """cuDNN's description of the GPU, for checks of its plans on machines without one."""
    if context.small:
        raise NotRun("a CPU has no such properties")
    text = properties.device_properties(context.device)
    if text is None:
        raise NotRun("libcudnn.so.9 was not found")
    (context.out / "device.json").write_text(text + "\n", encoding="utf-8")
    yield Row("device.json", "members", str(len(json.loads(text))), "", "", "told")


STEPS = [
    Step(1, "operations", opcheck({"whole": "operation", "small": "1x1 "}, False, 150)),
    Step(1, "golden steps", opcheck({"whole": "golden step", "small": "step_base float32"}, True,
                                    150)),
    Step(1, "training", training),
    Step(1, "repetition", repeated),
    *(Step(1, f"{tool} {only}", sanitizer(tool, only))
      for only in ("7x33", "attention_") for tool in ("memcheck", "racecheck", "initcheck",
                                                      "synccheck")),
    Step(2, "steps", step_rates),
    Step(2, "PyTorch", peer),
    Step(2, "products and attention", operations(
        "^(linear|attention).*/bfloat16", "^linear_forward/tiny/2048x192x192/bfloat16", 120)),
    Step(3, "kernels", operations("^(layer_norm|gelu|add|adamw)", "^add/2048x192/bfloat16", 150)),
    Step(3, "float32", operations("^(linear_forward|attention).*/float32",
                                  "^add/2048x192/float32", 120)),
    Step(3, "product algorithms", product_algorithms),
    Step(3, "device properties", device_properties),
]
