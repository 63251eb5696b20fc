#!/usr/bin/env python3
"""Exports read by PyTorch and h5py: the golden archive goes in, comes out again in every format, and
must be what its authors' own program would load. Exit 77: a library is not installed.

usage: read_by_python.py FOLDER_OF_PROGRAMS GOLDEN_FOLDER
"""
import os
import pathlib
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy
    import torch
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)


def flat(value, name=""):
    """Every leaf of nested containers by its path."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from flat(part, f"{name}/{key}")
    elif isinstance(value, (list, tuple)):
        for key, part in enumerate(value):
            yield from flat(part, f"{name}/{key}")
    else:
        yield name, value


def differences(theirs, ours):
    theirs, ours = dict(flat(theirs)), dict(flat(ours))
    for name in sorted(set(theirs) ^ set(ours)):
        yield f"{name} is on one side only"
    for name in set(theirs) & set(ours):
        a, b = theirs[name], ours[name]
        if torch.is_tensor(a):
            same = torch.is_tensor(b) and a.dtype == b.dtype and a.shape == b.shape
            # Position tables are computed anew.
            same = same and torch.allclose(a, b, atol=1e-6 if "pos_embed" in name else 0, rtol=0)
        else:
            same = type(a) is type(b) and a == b
        if not same:
            yield f"{name} differs"


def load_optimizer(archive):
    """torch's own AdamW over the authors' four groups takes the state, and finds one for each."""
    def named(group):
        return [(n, torch.nn.Parameter(v.clone(), requires_grad="pos_embed" not in n))
                for n, v in archive[group].items()]
    encoder, predictor = named("encoder"), named("predictor")
    groups = [{"params": [p for n, p in part if (p.dim() > 1) == wide]}
              for wide in (True, False) for part in (encoder, predictor)]
    optimizer = torch.optim.AdamW(groups)
    optimizer.load_state_dict(archive["opt"])
    for name, parameter in encoder + predictor:
        state = optimizer.state[parameter]
        if "pos_embed" in name:
            assert not state, f"{name} has a state"
        else:
            assert state["exp_avg"].shape == state["exp_avg_sq"].shape == parameter.shape, name
        parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
    optimizer.step()


def check(programs, theirs, out):
    """Differences between one golden archive and what we make of it."""
    def weights(*arguments):
        subprocess.run([programs / "ijepa-weights", *arguments], check=True)

    with h5py.File(theirs.with_name(theirs.name.removesuffix(".pth.tar") + ".h5")) as golden:
        heads, steps_per_epoch = str(golden.attrs["heads"]), str(golden.attrs["ipe"])
    weights("import", theirs, "--heads", heads, "--out", out / "run")
    weights("export", out / "run", "--out", out / "ours.pth.tar", "--steps-per-epoch",
            steps_per_epoch)
    weights("export", out / "run", "--out", out / "ours.h5", "--format", "hdf5")
    archive = torch.load(out / "ours.pth.tar", map_location="cpu")
    found = list(differences(torch.load(theirs, map_location="cpu"), archive))
    load_optimizer(archive)
    with h5py.File(out / "ours.h5") as file:
        for name, tensor in archive["target_encoder"].items():
            name = name.removeprefix("module.")
            if name != "pos_embed" and not numpy.array_equal(file["target_encoder"][name][()],
                                                             tensor.numpy()):
                found.append(f"{name} differs in HDF5")
    return found


def main():
    programs = pathlib.Path(sys.argv[1])
    golden = pathlib.Path(os.environ.get("IJEPA_GOLDEN_DIR", sys.argv[2]))
    archives = sorted(golden.glob("*.pth.tar"))
    if not archives:
        print("skipped: no golden file of kind checkpoint")
        return 77
    found = []
    for theirs in archives:
        with tempfile.TemporaryDirectory() as folder:
            found += check(programs, theirs, pathlib.Path(folder))
    print(*found, f"{len(archives)} archives, {len(found)} differences", sep="\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
