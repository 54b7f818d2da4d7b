"""Several files with the same columns: those of a directory or an S3 prefix whose names fit a pattern."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from secrets import token_hex

from app.core.contract import sha256
from model_build.artifacts import file_sha256
from model_build.data import s3
from model_build.data.sources import fetch_source, write_chunks
from model_build.errors import DataError, SourceError
from model_build.spec.source import CHECKSUM_DIGITS, Source, path_of


@dataclass(frozen=True)
class FetchedFiles:
    """Files with the same columns, in the order of their names."""

    root: Path
    names: list[str]
    """Relative to the root."""
    sha256: str
    """Of a single file, or of what `sha256sum` prints for several."""

    @property
    def title(self) -> str | None:
        """The path, if there is one file only."""
        return str(self.root / self.names[0]) if len(self.names) == 1 else None


def fetch_files(source: Source, directory: Path) -> FetchedFiles:
    """Return the verified files of a source; download them if they are absent.

    Raises:
        SourceError: there is no such file, or they could not be read, downloaded or saved.
        DataError: the files have another checksum.
    """
    if not source.is_pattern or (directory / source.uri).is_file():
        path = fetch_source(source, directory)
        return FetchedFiles(path.parent, [path.name], file_sha256(path))
    try:
        root = _download(source, directory) if source.is_remote else directory / source.root
        names = _names_in(root, source)
        if not names:
            raise SourceError(f"{source.uri} fits no file in {directory}")
        checksum = compute_files_checksum(root, names)
    except OSError as error:
        raise SourceError(f"{source.uri} could not be read or saved: {error}") from error
    _verify(source, root, names, checksum)
    return FetchedFiles(root, names, checksum)


def compute_files_checksum(root: Path, names: Iterable[str]) -> str:
    """Return the checksum of what `sha256sum` prints for the files."""
    return sha256("".join(f"{file_sha256(root / name)}  {name}\n" for name in names).encode())


def _names_in(root: Path, source: Source) -> list[str]:
    names = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return sorted(name for name in names if source.fits(name))


def _verify(source: Source, root: Path, names: list[str], checksum: str) -> None:
    if source.sha256 in {None, checksum}:
        return
    remedy = "move the directory away" if source.is_remote else "move other files away"
    raise DataError(
        f"The {len(names)} files of {source.uri} in {root} have the SHA-256 {checksum}, but must have "
        f"{source.sha256}; {remedy}, or correct the checksum if the files are the right ones"
    )


def _download(source: Source, directory: Path) -> Path:
    """Return the directory of the downloaded objects, which has its name once all of them are right."""
    name = path_of(source.root).name or source.root.removeprefix("s3://").split("/")[0]
    root = directory / f"{str(source.sha256)[:CHECKSUM_DIGITS]}-{name}"
    if root.is_dir():
        return root
    partial = directory / f".{root.name}.{token_hex(4)}.part"
    partial.mkdir(parents=True)
    try:
        for name, chunks in s3.read_objects(source):
            path = partial / _check_name(name, source)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_chunks(chunks, path)
        names = _names_in(partial, source)
        checksum = compute_files_checksum(partial, names)
        if checksum != source.sha256:
            count = f"{len(names)} files" if names else "no files"
            raise SourceError(f"{source.uri} has {count} with the SHA-256 {checksum}, not {source.sha256}")
        os.replace(partial, root)  # noqa: PTH105 - of directories
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return root


def _check_name(name: str, source: Source) -> str:
    """Raise SourceError for a key that would leave the directory."""
    path = PurePosixPath(name)
    if ".." in path.parts or path.is_absolute() or path.as_posix() != name:
        raise SourceError(f"{source.uri} has the key {name!r}, which can't be the name of a file")
    return name
