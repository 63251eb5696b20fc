#!/usr/bin/env bash
# HDF5 1.14.4 to 1.14.6, which are in the wheels of h5py 3.12 to 3.15: chunks of scaleoffset=True whose values need all
# bits of their type are written without a word and cannot be read, nor those that older and newer versions wrote.
#
# h5py's page calls packed integers lossless, and packing is chosen for pictures, depths, label maps and keys. A chunk
# whose values lie close together is read; one with dark and bright pixels in it is not. So a trial on a few pictures
# passes and of a large set some fail, when the writer has long ended; a loop that passes over what it cannot
# read trains without the pictures that have most contrast. The files are whole: h5py 3.11 and 3.16 read them, also what
# 3.15 wrote, so update before anything is given up or written anew.
# Source: https://github.com/HDFGroup/hdf5/issues/5861, /pull/5864 (the check of the bits has >= for >; 1.14.6 is named).
# Versions: h5py 3.11.0, 3.12.1, 3.13.0, 3.15.1, 3.16.0 with the HDF5 that is printed, numpy 1.26.4.
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >pack.py <<'PY'
import sys
import h5py
import numpy as np
version, what = sys.argv[1:3]
random = np.random.default_rng(0)
sets = {"pixels to 100": random.integers(0, 101, (64, 64)).astype(np.uint8),
        "pixels to 255": random.integers(0, 256, (64, 64)).astype(np.uint8),
        "depths to 20000": random.integers(0, 20001, (64, 64)).astype(np.uint16),
        "depths to 40000": random.integers(0, 40001, (64, 64)).astype(np.uint16),
        "keys": random.integers(-2**63, 2**63 - 1, 4096)}
if what == "write":
    with h5py.File(f"{version}.h5", "w") as file:
        for name, values in sets.items():
            file.create_dataset(name, data=values, chunks=values.shape, scaleoffset=True)
    print(f"h5py {version} with HDF5 {h5py.version.hdf5_version} has written")
else:
    found = []
    with h5py.File(f"{what}.h5") as file:
        for name, values in sets.items():
            try:
                found.append(f"{name} {'the same' if (file[name][()] == values).all() else 'other values'}")
            except OSError:
                found.append(f"{name} OSError")
    print(f"h5py {version} reads {'its own' if version == what else what}:", "; ".join(found))
PY
for version in 3.11.0 3.12.1 3.13.0 3.15.1 3.16.0; do
  python3 -m venv "$version"
  "$version/bin/pip" install --quiet "h5py==$version" numpy==1.26.4
  "$version/bin/python" pack.py "$version" write
  "$version/bin/python" pack.py "$version" "$version"
done >seen
for pair in "3.15.1 3.11.0" "3.11.0 3.15.1" "3.16.0 3.15.1"; do
  "${pair% *}/bin/python" pack.py $pair
done >>seen
cat seen
diff - seen <<'EOT'
h5py 3.11.0 with HDF5 1.14.2 has written
h5py 3.11.0 reads its own: pixels to 100 the same; pixels to 255 the same; depths to 20000 the same; depths to 40000 the same; keys the same
h5py 3.12.1 with HDF5 1.14.4 has written
h5py 3.12.1 reads its own: pixels to 100 the same; pixels to 255 OSError; depths to 20000 the same; depths to 40000 OSError; keys OSError
h5py 3.13.0 with HDF5 1.14.6 has written
h5py 3.13.0 reads its own: pixels to 100 the same; pixels to 255 OSError; depths to 20000 the same; depths to 40000 OSError; keys OSError
h5py 3.15.1 with HDF5 1.14.6 has written
h5py 3.15.1 reads its own: pixels to 100 the same; pixels to 255 OSError; depths to 20000 the same; depths to 40000 OSError; keys OSError
h5py 3.16.0 with HDF5 2.0.0 has written
h5py 3.16.0 reads its own: pixels to 100 the same; pixels to 255 the same; depths to 20000 the same; depths to 40000 the same; keys the same
h5py 3.15.1 reads 3.11.0: pixels to 100 the same; pixels to 255 OSError; depths to 20000 the same; depths to 40000 OSError; keys OSError
h5py 3.11.0 reads 3.15.1: pixels to 100 the same; pixels to 255 the same; depths to 20000 the same; depths to 40000 the same; keys the same
h5py 3.16.0 reads 3.15.1: pixels to 100 the same; pixels to 255 the same; depths to 20000 the same; depths to 40000 the same; keys the same
EOT
