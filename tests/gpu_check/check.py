#!/usr/bin/env python3
"""Runs the steps of the GPU check (steps.py) and writes stage*.csv, losses.csv, device.json,
gpu_check.log and gpu_report.md. Started by gpu_check.sh. A step that fails, crashes or takes too
long is a line of the report; the next one runs."""
import argparse
import csv
import pathlib
import sys
import tempfile
import time

import report
import steps
from context import Context, Failed, NotRun, Row


def run_step(step, context):
    """Its rows; one that says why where there are none."""
    begin = time.monotonic()
    rows, result, note = [], "passed", ""
    try:
        if context.deadline - begin < 5:
            raise NotRun("the stage's time was over")
        for row in step.run(context):
            rows.append(row)
        if any(row.result == "FAILED" for row in rows):
            result = "FAILED"
    except NotRun as reason:
        result, note = "not run", str(reason)
    except Exception as error:  # whatever it is, the next step may still tell something
        kind = "" if isinstance(error, Failed) else f"{type(error).__name__}: "
        result, note = "FAILED", f"{kind}{error}"
    seconds = time.monotonic() - begin
    print(f"{result:8} {seconds:6.1f} s  {step.name}{': ' + note if note else ''}", flush=True)
    rows.append(Row("step", note or f"{len(rows)} results", f"{seconds:.1f}", "s", "",
                          result))
    return rows


def run_stage(stage, arguments, work):
    context = Context(arguments.bundle, arguments.device, arguments.out, work)
    failed = False
    with open(arguments.out / f"stage{stage}.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["stage", "step", "case", "measure", "value", "unit", "bound", "result"])
        for step in steps.STEPS:
            if step.stage != stage:
                continue
            for row in run_step(step, context):
                writer.writerow([stage, step.name, *row])
                failed = failed or row.result == "FAILED"
            file.flush()
    return failed


def device_line(arguments, work):
    """What the device is; ends the check where there is none."""
    context = Context(arguments.bundle, arguments.device, arguments.out, work)
    code, output = context.run([context.program("ijepa-opcheck"), "--device", arguments.device,
                                "--only", "copy_up_1x1 float32"], 150)
    lines = output.strip().splitlines() or ["ijepa-opcheck said nothing"]
    if code != 0 and len(lines) < 2:
        sys.exit(f"gpu_check: {lines[-1].removeprefix('ijepa-opcheck: ')}")
    return lines[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=pathlib.Path, required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--stage", choices=["all", "1", "2", "3"], required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    stages = [1, 2, 3] if arguments.stage == "all" else [int(arguments.stage)]
    failed = False
    with tempfile.TemporaryDirectory() as work:
        device = device_line(arguments, pathlib.Path(work))
        print(device, flush=True)
        for stage in stages:
            print(f"==== stage {stage}", flush=True)
            failed = run_stage(stage, arguments, pathlib.Path(work)) or failed
    text = report.text_of(arguments.out, device)
    (arguments.out / "gpu_report.md").write_text(text, encoding="utf-8")
    print(f"{arguments.out}/gpu_report.md: {'something FAILED' if failed else 'nothing failed'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
