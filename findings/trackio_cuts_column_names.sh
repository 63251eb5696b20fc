#!/usr/bin/env bash
# trackio: `import_csv` keeps of each column's name its first ten letters and digits, without a word.
#
# `images_per_second` is the metric `imagespers` afterwards, and of columns that begin alike the later ones are told
# apart by a number alone: `encoder_gradient` and `encoder_gradient_max` become `encodergra` and `encodergra_1`, in
# the order of the table, so that another order of columns swaps the curves. import_tf_events keeps names whole.
# Source: trackio/utils.py, simplify_column_names(); neither the docstring of import_csv nor its output says so.
# Version: trackio 0.43.0.
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet trackio==0.43.0
for columns in encoder_gradient,encoder_gradient_max encoder_gradient_max,encoder_gradient; do
  printf 'step,images_per_second,%s\n1,700,2,9\n' "$columns" >table.csv
  TRACKIO_DIR="$work/$columns" venv/bin/python - "$columns" <<'PY'
import contextlib, io, sys
import trackio
from trackio.sqlite_storage import SQLiteStorage
with contextlib.redirect_stdout(io.StringIO()):
    trackio.import_csv("table.csv", project="p", name="r")
[row] = SQLiteStorage.get_logs("p", "r")
print(sys.argv[1], {key: value for key, value in row.items() if key not in ("timestamp", "step")})
PY
done | tee seen
diff - seen <<'EOT'
encoder_gradient,encoder_gradient_max {'imagespers': 700.0, 'encodergra': 2.0, 'encodergra_1': 9.0}
encoder_gradient_max,encoder_gradient {'imagespers': 700.0, 'encodergra': 2.0, 'encodergra_1': 9.0}
EOT
