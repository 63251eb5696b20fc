#!/usr/bin/env bash
# HDF5: a virtual data set over more shards than a process may open reads the rest as zeros, without an error. Which
# images are black depends on the order of reading, so that an index is a picture once and black another time.
#
# A virtual data set makes one long data set of a folder of shards. Each shard that was read stays open as long as it, and
# one that cannot be opened counts as not there yet, which is the fill value by design. The limit of open files is a
# reason for that: 256 on macOS, 1024 in most Linux shells. Under shuffled reading every worker has black images of its
# own choice, with labels 0 if they are in the same shards, and a trial on a few shards is right. A shard that was moved
# is zeros, too, and so is one whose data set has another name, while one that is cut short raises. h5py.File on the
# shards themselves raises. A higher soft limit helps, and so does opening the virtual data set anew for every shard,
# which closes the last one. That all files of virtual_sources() exist proves nothing here.
# Source: https://github.com/HDFGroup/hdf5/issues/5088 (open), https://github.com/silx-kit/h5grove/issues/52.
# Versions: h5py 3.16.0 with HDF5 2.0.0, numpy 2.4.6.
# Seen: the lines at the end; 300 shards of ten images, shard k filled with k % 255 + 1, so no pixel is 0.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet h5py==3.16.0 numpy==2.4.6
cat >read.py <<'PY'
import os
import resource
import h5py
import numpy as np

shards, each = 300, 10
values = np.arange(shards) % 255 + 1
layout = h5py.VirtualLayout((shards * each, 4, 4), np.uint8)
for shard in range(shards):
    with h5py.File(f"{shard}.h5", "w") as file:
        file["images"] = np.full((each, 4, 4), values[shard], np.uint8)
    layout[shard * each:(shard + 1) * each] = h5py.VirtualSource(f"{shard}.h5", "images", (each, 4, 4))
with h5py.File("all.h5", "w") as file:
    file.create_virtual_dataset("images", layout)
names = [source.file_name for source in h5py.File("all.h5")["images"].virtual_sources()]
print(f"HDF5 {h5py.version.hdf5_version}; shards that are there:", sum(map(os.path.exists, names)), "of", shards)

def count(images, order):
    """How many shards are black, how many right, how many anything else, if read in this order."""
    found = np.array([images[shard * each, 0, 0] for shard in order])
    return (found == 0).sum(), (found == values[order]).sum()

def limit(files):
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

limit(256)
forwards, backwards = np.arange(shards), np.arange(shards)[::-1]
with h5py.File("all.h5") as file:
    black, right = count(file["images"], forwards)
    print("limit 256, forwards: at least 44 black:", black >= 44, "- all others right:", black + right == shards)
with h5py.File("all.h5") as file:
    images = file["images"]
    first = images[0, 0, 0]
    print(f"image 0: {first} as the first", end=", ")
with h5py.File("all.h5") as file:
    images = file["images"]
    count(images, backwards)
    print(f"{images[0, 0, 0]} after all others")
opened = []
try:
    for shard in range(shards):
        opened.append(h5py.File(f"{shard}.h5"))
except OSError as error:
    print("the shards one by one: OSError, errno", error.errno)
for file in opened:
    file.close()
anew = []
for shard in range(shards):
    with h5py.File("all.h5") as file:
        anew.append(file["images"][shard * each, 0, 0])
print("limit 256, opened anew for each shard:", (np.array(anew) == 0).sum(), "black")
limit(512)
with h5py.File("all.h5") as file:
    print("limit 512:", count(file["images"], forwards)[0], "black")
os.rename("7.h5", "seven.h5")
with h5py.File("8.h5", "a") as file:
    file.move("images", "pixels")
size = os.path.getsize("9.h5")
os.truncate("9.h5", size - 100)
with h5py.File("all.h5") as file:
    for shard, what in ((7, "moved"), (8, "renamed inside"), (9, "cut")):
        try:
            print(f"a shard that is {what}:", file["images"][shard * each, 0, 0])
        except OSError:
            print(f"a shard that is {what}: OSError")
PY
venv/bin/python read.py | tee seen
diff - seen <<'EOT'
HDF5 2.0.0; shards that are there: 300 of 300
limit 256, forwards: at least 44 black: True - all others right: True
image 0: 1 as the first, 0 after all others
the shards one by one: OSError, errno 24
limit 256, opened anew for each shard: 0 black
limit 512: 0 black
a shard that is moved: 0
a shard that is renamed inside: 0
a shard that is cut: OSError
EOT
