#!/usr/bin/env python3
"""The report of small runs in a real browser: it fits a phone and a desk, names do not cover one
another, it is dark where the reader's system is, prints, and asks for nothing outside of its file.
usage: report.py BIN_FOLDER"""
import html
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

BIN = pathlib.Path(sys.argv[1]).resolve()
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
WIDTHS = (390, 1200)
SETTINGS = {"model.name": "custom", "model.width": 24, "model.depth": 2, "model.heads": 3,
            "model.patch": 8, "model.image_height": 32, "model.image_width": 32,
            "model.predictor.width": 12, "model.predictor.depth": 1, "mask.min_keep": 1,
            "mask.target_scale_min": 0.3, "mask.target_scale_max": 0.5, "mask.truncate_group": 6,
            "data.shards": "shards/train", "data.threads": 1, "optim.global_batch": 6,
            "optim.epochs": 4, "optim.warmup_epochs": 0, "run.health_every": 9,
            "run.health_images": 12, "eval.test_shards": "shards/test", "eval.every_epochs": 2}

# Two frames of the report as wide as a phone and as a desk, and what is measured in them.
HARNESS = """<!DOCTYPE html><meta charset="utf-8"><body><script>
const widths = %s, found = [];
function measure(frame) {
  const page = frame.contentDocument, root = page.documentElement;
  const box = e => e.getBoundingClientRect();
  const covered = [];
  for (const svg of page.querySelectorAll("figure > svg")) {
    const names = [...svg.querySelectorAll("text.t")];
    names.forEach((a, i) => names.slice(i + 1).forEach(b => {
      if (box(a).top + 4 < box(b).bottom && box(b).top + 4 < box(a).bottom)
        covered.push(a.textContent + " and " + b.textContent);
    }));
    for (const text of svg.querySelectorAll("text"))
      if (box(text).right > box(svg).right + 1) covered.push(text.textContent + " leaves its figure");
  }
  return {width: root.clientWidth, needs: root.scrollWidth, figures: page.querySelectorAll("figure").length,
          letters: Math.min(...[...page.querySelectorAll("svg text")].map(t => box(t).height)),
          covered, ground: page.defaultView.getComputedStyle(page.body).backgroundColor,
          loaded: page.defaultView.performance.getEntriesByType("resource").map(r => r.name)
                      .filter(n => !n.startsWith("data:"))};
}
for (const width of widths) {
  const frame = document.createElement("iframe");
  frame.style.cssText = `width:${width}px;height:2000px;border:0`;
  frame.onload = () => {
    found.push(measure(frame));
    if (found.length == widths.length)
      document.body.innerHTML = "<pre>" + JSON.stringify(found) + "</pre>";
  };
  frame.srcdoc = %s;
  document.body.append(frame);
}
</script>"""


def run(*words, **options):
    done = subprocess.run([str(w) for w in words], text=True, env=ENVIRONMENT, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stdout}")
    return done.stdout


def program(name, *words):
    return run(BIN / name, *words)


def train(folder, **changes):
    words = [word for key, value in {**SETTINGS, "run.dir": folder, **changes}.items()
             for word in ("--set", f"{key}={value}")]
    program("ijepa-pretrain", "empty.toml", *words)


def make_report():
    program("ijepa-synth", "--out", "images", "--classes", "3", "--train", "18", "--test", "12",
            "--size", "32", "--threads", "1")
    program("ijepa-shards", "images", "--out", "shards", "--threads", "1")
    pathlib.Path("empty.toml").write_text("[run]\n", encoding="utf-8")
    train("runs/first")
    train("runs/a_run_with_a_long_name", **{"run.seed": 1, "optim.lr": 2e-4})
    print(program("ijepa-plot", "runs", "runs"))
    print(program("ijepa-plot", "report", "runs/first", "runs/a_run_with_a_long_name"))
    return pathlib.Path("report.html").read_text(encoding="utf-8")


def browse(browser, *words):
    return run(browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
               "--no-first-run", f"--user-data-dir={pathlib.Path('profile').resolve()}", *words)


def measured(browser, page, *words):
    harness = HARNESS % (json.dumps(WIDTHS), json.dumps(page).replace("</", "<\\/"))
    pathlib.Path("harness.html").write_text(harness, encoding="utf-8")
    text = browse(browser, *words, "--virtual-time-budget=5000", "--dump-dom",
                  pathlib.Path("harness.html").resolve().as_uri())
    found = re.search(r"<pre>(.*?)</pre>", text, re.DOTALL)
    if not found:
        sys.exit(f"the browser measured nothing:\n{text[-2000:]}")
    return sorted(json.loads(html.unescape(found.group(1))), key=lambda m: m["width"])


def main():
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if not browser:
        print("[  SKIPPED ] there is no chromium")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        page = make_report()
        problems = []
        for size, width in zip(measured(browser, page), WIDTHS):
            print(size)
            for bad, text in ((size["width"] != width, "is not as wide as its frame"),
                              (size["needs"] > width, f"needs {size['needs']} pixels"),
                              (size["figures"] < 12, f"has {size['figures']} figures"),
                              (size["letters"] < 9, f"has letters of {size['letters']} pixels"),
                              (size["covered"], f"has names that are covered: {size['covered']}"),
                              (size["loaded"], f"asks for {size['loaded']}"),
                              (size["ground"] != "rgb(255, 255, 255)", "is not light")):
                if bad:
                    problems.append(f"at {width} pixels the report {text}")
        dark = measured(browser, page, "--blink-settings=preferredColorScheme=0")[0]["ground"]
        if dark != "rgb(21, 24, 28)":
            problems.append(f"for a reader of dark pages its ground is {dark}")
        browse(browser, "--print-to-pdf=report.pdf", pathlib.Path("report.html").resolve().as_uri())
        if not pathlib.Path("report.pdf").read_bytes().startswith(b"%PDF"):
            problems.append("it does not print")
        print(*problems, f"report: {len(problems)} problems", sep="\n")
        return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
