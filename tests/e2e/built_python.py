"""Importing this starts the script again with the Python of build/python, where tests/python_packages.sh
has put it. Packages are imported in `with needed():`, which skips the test where one is missing."""
import contextlib
import os
import pathlib
import sys

PYTHON = pathlib.Path(__file__).resolve().parents[2] / "build" / "python" / "bin" / "python"
if PYTHON.exists() and pathlib.Path(sys.prefix) != PYTHON.parents[1]:
    os.execv(PYTHON, [str(PYTHON), *sys.argv])


@contextlib.contextmanager
def needed():
    try:
        yield
    except ImportError as missing:
        print(f"[  SKIPPED ] {missing}")
        sys.exit(77)
