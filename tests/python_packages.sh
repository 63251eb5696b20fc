#!/usr/bin/env bash
# Python packages that tests read our files with, into build/python. Without a network nothing is
# there and those tests are skipped, which only CI=true does not forgive.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packages=(tensorboard pandas h5py onnx onnxruntime pillow tifffile trackio reframe-hpc)
folder=build/python
if [[ $(cat "$folder/complete" 2>/dev/null) == "${packages[*]}" ]]; then
  echo "python: ${packages[*]} are there"
  exit 0
fi
rm -rf "$folder"
if /usr/bin/python3 -m venv "$folder" &&
  "$folder/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}"; then
  echo "${packages[*]}" >"$folder/complete"
  exit 0
fi
echo "python: ${packages[*]} could not be installed; tests that read with them are skipped" >&2
[[ ${CI:-} != true ]]
