"""Writing so that whoever reads, or kills us, finds the old or the new, and nothing in between."""

import ctypes
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import joblib

AT_FDCWD = -100
RENAME_EXCHANGE = 2


def replace(directory: Path, contents: Mapping[str, bytes]) -> None:
    """Make `directory` hold exactly these files; killed at any moment, it is whole, old or new."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{directory.name}-", dir=directory.parent) as temporary:
        new = Path(temporary) / "new"
        new.mkdir()
        for name, content in contents.items():
            _write(new / name, content)
        _sync(new)
        if directory.exists():
            _exchange(new, directory)
        else:
            new.rename(directory)
        _sync(directory.parent)


def dump(value: Any, path: Path) -> None:
    """Pickle `value` to `path` with joblib."""
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as temporary:
        new = Path(temporary) / path.name
        joblib.dump(value, new)
        new.replace(path)


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _exchange(one: Path, other: Path) -> None:
    """Swap two directories in one step where the system can (Linux), in two elsewhere."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        done = libc.renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE)
        if done == 0:
            return
    aside = one.with_name("old")
    other.rename(aside)
    one.rename(other)
