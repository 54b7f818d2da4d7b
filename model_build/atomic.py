"""Atomic writes: whatever kills the process, a reader sees the whole old content or the whole new content."""

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
    """Raise DataError unless `directory` is absent or empty, or has the file `marker` of a baked model."""
    if not directory.exists() or (directory / marker).is_file():
        return
    if not directory.is_dir() or any(directory.iterdir()):
        raise DataError(f"{directory} exists and is not a baked model; name another directory with --out.")


def replace(directory: Path, contents: Mapping[str, bytes]) -> None:
    """Give `directory` exactly these files; if the process is killed, all files are old or all are new."""
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


def write(path: Path, content: bytes) -> None:
    """Give the file `path` this content."""
    with _workspace(path) as workspace:
        new = workspace / path.name
        _write(new, content)
        new.replace(path)


def dump(value: Any, path: Path) -> None:
    """Pickle `value` to `path` with joblib."""
    with _workspace(path) as workspace:
        new = workspace / path.name
        joblib.dump(value, new)
        new.replace(path)


@contextmanager
def _workspace(path: Path) -> Iterator[Path]:
    """Yield a new directory beside `path`, for one process at a time; remove those of killed processes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{path.name}.baking-"
    with _open(path.parent) as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)  # until the handle is closed or the process ends
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


def _exchange(new: Path, current: Path) -> None:
    """Put `new` in the place of `current`: in one step on Linux, and in two steps elsewhere."""
    if sys.platform == "linux" and _swap(new, current):
        return
    old = new.with_name("old")
    current.rename(old)
    try:
        new.rename(current)
    except OSError:
        old.rename(current)
        raise


def _swap(first: Path, second: Path) -> bool:
    """Swap two paths in one step; return False if the C library or the file system can't do that."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    status: int = renameat2(AT_FDCWD, os.fsencode(first), AT_FDCWD, os.fsencode(second), RENAME_EXCHANGE)
    return status == 0
