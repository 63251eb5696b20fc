#!/usr/bin/env bash
# torch.onnx.export: `mv model.onnx best.onnx` leaves the weights behind in model.onnx.data, and the next export to
# model.onnx exchanges them: best.onnx then runs with the last network's weights, or with a mixture of both.
#
# Since 2.9 the exporter writes every tensor above 256 bytes beside the file, and into it the name of that other file,
# for the smallest model, too. Who exports now and then and keeps the best by renaming or copying has the last one under
# the best one's name; where vectors are short (up to 64 wide, or a bias of 64 classes), the last one's matrices between
# the best one's norms and biases, which is a network that nobody trained. Shapes fit: onnxruntime loads it
# and onnx.checker finds nothing. external_data=False writes one file (up to 2 GB), as the older exporter does
# (dynamo=False).
# Source: torch/onnx/__init__.py, external_data: bool = True ("required for models with large weights");
# size_threshold_bytes in onnx_ir/_io.py; https://github.com/painebenjamin/hey-buddy/issues/29 (two files since 2.9).
# Versions: torch 2.15.0, onnx 1.23.2, onnxscript 0.7.2, onnxruntime 1.32.0.
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0 numpy==2.4.6
cat >best.py <<'PY'
import pathlib, shutil
import numpy as np
import onnx
import onnxruntime
import torch

def network(width, seed):
    torch.manual_seed(seed)
    made = torch.nn.Sequential(torch.nn.Linear(32, width), torch.nn.LayerNorm(width), torch.nn.Linear(width, width))
    for value in made.parameters():
        torch.nn.init.normal_(value)
    return made.eval()

image = torch.linspace(-1, 1, 32)[None]

def what(path, truths):
    onnx.checker.check_model(path, full_check=True)
    session = onnxruntime.InferenceSession(path)
    found = session.run(None, {session.get_inputs()[0].name: image.numpy()})[0]
    with torch.no_grad():
        same = [name for name, made in truths.items() if np.allclose(made(image), found, rtol=1e-3, atol=1e-3)]
    return ", ".join(same)

for width in (64, 128):
    best, last, mixed = network(width, 0), network(width, 1), network(width, 0)
    for name, value in mixed.named_parameters():
        if value.ndim == 2:
            value.data.copy_(last.get_parameter(name))
    truths = {"the best": best, "the last": last, "a mixture": mixed}
    for keep, options in ((shutil.move, {}), (shutil.copy, {}), (shutil.move, {"external_data": False}),
                          (shutil.move, {"dynamo": False})):
        for path in pathlib.Path().glob("*.onnx*"):
            path.unlink()
        torch.onnx.export(best, (image,), "model.onnx", verbose=False, **options)
        keep("model.onnx", "best.onnx")
        before = what("best.onnx", truths)
        torch.onnx.export(last, (image,), "model.onnx", verbose=False, **options)
        files = " ".join(sorted(str(path) for path in pathlib.Path().glob("*.onnx*")))
        print(f"{width} wide, {keep.__name__} {options}: best.onnx is {before}, after the next export",
              f"{what('best.onnx', truths)}; {files}")
PY
venv/bin/python best.py 2>/dev/null | tee seen
diff - seen <<'EOT'
64 wide, move {}: best.onnx is the best, after the next export a mixture; best.onnx model.onnx model.onnx.data
64 wide, copy {}: best.onnx is the best, after the next export a mixture; best.onnx model.onnx model.onnx.data
64 wide, move {'external_data': False}: best.onnx is the best, after the next export the best; best.onnx model.onnx
64 wide, move {'dynamo': False}: best.onnx is the best, after the next export the best; best.onnx model.onnx
128 wide, move {}: best.onnx is the best, after the next export the last; best.onnx model.onnx model.onnx.data
128 wide, copy {}: best.onnx is the best, after the next export the last; best.onnx model.onnx model.onnx.data
128 wide, move {'external_data': False}: best.onnx is the best, after the next export the best; best.onnx model.onnx
128 wide, move {'dynamo': False}: best.onnx is the best, after the next export the best; best.onnx model.onnx
EOT
