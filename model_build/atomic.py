"""Writing so that whoever reads, or kills us, finds the old or the new, and nothing in between."""

import ctypes
import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import joblib

from model_build.errors import DataError

AT_FDCWD = -100
RENAME_EXCHANGE = 2


def check_replaceable(directory: Path, marker: str) -> None:
    """Raise DataError unless `directory` is absent, empty, or holds `marker`, by which it is one of ours."""
    if not directory.exists() or (directory / marker).is_file():
        return
    if not directory.is_dir() or any(directory.iterdir()):
        raise DataError(f"{directory} exists and is not a baked model; name another directory with --out.")


def replace(directory: Path, contents: Mapping[str, bytes]) -> None:
    """Make `directory` hold exactly these files; killed at any moment, it is whole, old or new."""
    with _workspace(directory) as workspace:
        new = workspace / "new"
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
    with _workspace(path) as workspace:
        new = workspace / path.name
        joblib.dump(value, new)
        new.replace(path)


@contextmanager
def _workspace(path: Path) -> Iterator[Path]:
    """A new directory beside `path`, after removing what killed runs left: one run at a time is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{path.name}.baking-"
    with _open(path.parent) as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)  # held until the handle is closed, or we are killed
        for leftover in path.parent.iterdir():
            if leftover.name.startswith(prefix):
                shutil.rmtree(leftover)
        with tempfile.TemporaryDirectory(prefix=prefix, dir=path.parent) as workspace:
            yield Path(workspace)


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    with _open(directory) as handle:
        os.fsync(handle)


@contextmanager
def _open(directory: Path) -> Iterator[int]:
    handle = os.open(directory, os.O_RDONLY)
    try:
        yield handle
    finally:
        os.close(handle)


def _exchange(one: Path, other: Path) -> None:
    """Swap two directories in one step where the system can (Linux), in two elsewhere."""
    if sys.platform == "linux" and _swap(one, other):
        return
    aside = one.with_name("old")
    other.rename(aside)
    try:
        one.rename(other)
    except OSError:
        aside.rename(other)
        raise


def _swap(one: Path, other: Path) -> bool:
    """Return whether the C library and the file system could do it."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    done: int = renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE)
    return done == 0
