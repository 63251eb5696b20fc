#!/usr/bin/env bash
# h5py: a label -1 written into a uint8 data set is class 0, not 255. HDF5 converts, and it clips; numpy and Zarr wrap.
#
# Label maps mark pixels to be ignored by -1 or 255, which are the same byte in numpy. A writer of shards that gives its
# int64 maps to a data set of bytes turns each ignored pixel into the first class, and classes above 255 into the last;
# both train without a word. The same line on a Zarr array stores 255. A list of Python's numbers is refused with an
# OverflowError, and an attribute wraps, so that metadata disagree with the data. NaN becomes 0, fractions are cut.
# Reading does likewise: file["labels"].astype("u1")[...] clips, file["labels"][...].astype("u1") wraps, and read_direct
# into a narrower array clips. Convert with numpy before writing and after reading.
# Source: https://support.hdfgroup.org/HDF5/doc/Supplements/dtype_conversion/Overflow.html; h5py/_hl/base.py,
# array_for_new_object ("We mostly let HDF5 convert"). h5py's pages do not say it.
# Versions: h5py 3.16.0 (HDF5 2.0.0) and 3.12.1 (HDF5 1.14.4), zarr 3.1.6, numpy 2.4.6.
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >labels.py <<'PY'
import h5py
import numpy as np
labels = np.array([-1, 0, 255, 256, 300])
with h5py.File("labels.h5", "w") as file:
    def show(what, values):
        print(f"h5py {h5py.__version__} {what}:", *np.asarray(values))

    written = file.create_dataset("written", (5,), "u1")
    written[...] = labels
    show("d[...] = labels", written[...])
    show("create_dataset(data=labels, dtype='u1')", file.create_dataset("created", data=labels, dtype="u1")[...])
    file.attrs.create("labels", labels, dtype="u1")
    show("attrs.create(labels, dtype='u1')", file.attrs["labels"])
    try:
        written[...] = labels.tolist()
    except OverflowError as error:
        show("d[...] = labels.tolist()", [type(error).__name__])
    wide = file.create_dataset("wide", data=labels)
    show("d.astype('u1')[...]", wide.astype("u1")[...])
    show("d[...].astype('u1')", wide[...].astype("u1"))
    narrow = np.empty(5, np.uint8)
    wide.read_direct(narrow)
    show("d.read_direct(bytes)", narrow)
    floats = file.create_dataset("floats", (4,), "u1")
    floats[...] = np.array([-1.5, 127.9, 300, np.nan], np.float32)
    show("d[...] = -1.5 127.9 300 nan", floats[...])
PY
for version in 3.12.1 3.16.0; do
  python3 -m venv "$version"
  "$version/bin/pip" install --quiet "h5py==$version" numpy==2.4.6
  "$version/bin/python" labels.py
done | tee seen
3.16.0/bin/pip install --quiet zarr==3.1.6
3.16.0/bin/python - <<'PY' | tee -a seen
import numpy as np
import zarr
array = zarr.create_array(store="labels.zarr", shape=(5,), dtype="uint8")
array[...] = np.array([-1, 0, 255, 256, 300])
print("zarr z[...] = labels:", *array[...])
PY
diff - seen <<'EOT'
h5py 3.12.1 d[...] = labels: 0 0 255 255 255
h5py 3.12.1 create_dataset(data=labels, dtype='u1'): 0 0 255 255 255
h5py 3.12.1 attrs.create(labels, dtype='u1'): 255 0 255 0 44
h5py 3.12.1 d[...] = labels.tolist(): OverflowError
h5py 3.12.1 d.astype('u1')[...]: 0 0 255 255 255
h5py 3.12.1 d[...].astype('u1'): 255 0 255 0 44
h5py 3.12.1 d.read_direct(bytes): 0 0 255 255 255
h5py 3.12.1 d[...] = -1.5 127.9 300 nan: 0 127 255 0
h5py 3.16.0 d[...] = labels: 0 0 255 255 255
h5py 3.16.0 create_dataset(data=labels, dtype='u1'): 0 0 255 255 255
h5py 3.16.0 attrs.create(labels, dtype='u1'): 255 0 255 0 44
h5py 3.16.0 d[...] = labels.tolist(): OverflowError
h5py 3.16.0 d.astype('u1')[...]: 0 0 255 255 255
h5py 3.16.0 d[...].astype('u1'): 255 0 255 0 44
h5py 3.16.0 d.read_direct(bytes): 0 0 255 255 255
h5py 3.16.0 d[...] = -1.5 127.9 300 nan: 0 127 255 0
zarr z[...] = labels: 255 0 255 0 44
EOT
