#!/usr/bin/env python3
"""The report of the GPU check as Markdown, from the stage*.csv of one folder or, where stages were
run on different visits, of several.
usage: report.py FOLDER... > docs/gpu_report.md"""
import csv
import pathlib
import sys

# What no visit of one GPU can show.
NEVER_RUN = ["several GPUs: gradients summed by NCCL, one rank a GPU",
             "GPUs of other machines than this one"]
STAGES = {"1": "Is it right?", "2": "How fast is it?", "3": "Where the time goes"}
LONGEST_TABLE = 60


def rows_of(folder):
    for path in sorted(folder.glob("stage?.csv")):
        with open(path, newline="", encoding="utf-8") as file:
            yield from csv.DictReader(file)


def cell(text):
    return str(text).replace("|", "\\|")


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def step_section(name, rows):
    """A step's outcome; failures in full; judged values as their number and their worst."""
    summary = next(row for row in rows if row["case"] == "step")
    lines = [f"### {name}: {summary['result']}", "", f"{summary['value']} s; {summary['measure']}."]
    judged = [row for row in rows if row["bound"]]
    failed = [row for row in rows if row["result"] == "FAILED" and row is not summary]
    if judged:
        worst = max(judged, key=lambda row: float(row["value"]) / (float(row["bound"]) or 1))
        lines += ["", f"{len(judged)} comparisons, {len(failed)} failed; nearest to its bound: "
                      f"{worst['case']}, {worst['measure']}: {worst['value']} {worst['unit']}, "
                      f"allowed {worst['bound']}."]
    if failed:
        shown = failed[:LONGEST_TABLE]
        lines += ["", table(["failed", "what", "value", "allowed"],
                            [(row["case"], row["measure"], f"{row['value']} {row['unit']}",
                              row["bound"]) for row in shown])]
        if len(failed) > len(shown):
            lines.append(f"\nand {len(failed) - len(shown)} more in the CSV file.")
    told = {}
    for row in rows:
        if row["result"] == "told":
            value = " ".join(filter(None, [row["measure"], row["value"], row["unit"]]))
            told.setdefault(row["case"], []).append(value)
    if told:
        lines += ["", table(["case", "measured"],
                            [(case, "; ".join(values)) for case, values in told.items()])]
    return "\n".join(lines)


def text_of_rows(rows, device):
    sections = []
    for stage, title in STAGES.items():
        names = list(dict.fromkeys(row["step"] for row in rows if row["stage"] == stage))
        if not names:
            sections.append(f"## Stage {stage}: {title}\n\nNot run.")
            continue
        sections.append(f"## Stage {stage}: {title}")
        sections += [step_section(name, [row for row in rows if row["stage"] == stage
                                         and row["step"] == name]) for name in names]
    steps = [row for row in rows if row["case"] == "step"]
    counts = ", ".join(f"{sum(row['result'] == result for row in steps)} {result}"
                       for result in ("passed", "FAILED", "not run"))
    return "\n\n".join(["# GPU check", f"Device: {device}. Steps: {counts}.",
                        "Written by `tests/gpu_check.sh`; every value is in the CSV files.",
                        *sections, "## Never run",
                        "\n".join(f"- {what}" for what in NEVER_RUN)]) + "\n"


def text_of(folder, device):
    return text_of_rows(list(rows_of(pathlib.Path(folder))), device)


def device_of(folder):
    """What an earlier report said it ran on."""
    report = folder / "gpu_report.md"
    if report.exists():
        for line in report.read_text(encoding="utf-8").splitlines():
            if line.startswith("Device: "):
                return line.removeprefix("Device: ").partition(". Steps:")[0]
    return "unknown"


def main():
    folders = [pathlib.Path(name) for name in sys.argv[1:]]
    if not folders:
        sys.exit(__doc__)
    rows = [row for folder in folders for row in rows_of(folder)]
    if not rows:
        sys.exit(f"report.py: no stage*.csv in {', '.join(map(str, folders))}")
    print(text_of_rows(rows, "; ".join(dict.fromkeys(device_of(f) for f in folders))), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
