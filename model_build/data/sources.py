"""Verified files in the data directory, downloaded from an HTTPS server or an S3 bucket if they are absent.

A download has a temporary name until its checksum is right, so a file under its final name is always whole,
whatever kills the run. pooch would be shorter, but it does not sync a file to the disk, and leaves the file
readable for its owner only.
"""

import hashlib
import os
from contextlib import closing
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit

import httpx

from model_build.artifacts import file_sha256
from model_build.data import s3
from model_build.data.s3 import CHUNK_SIZE, Chunks
from model_build.errors import DataError, SourceError
from model_build.spec.source import Source, check_uri

CONNECT_TIMEOUT = 5.0  # seconds
READ_TIMEOUT = 30.0  # seconds without a single byte


def fetch_source(source: Source, directory: Path) -> Path:
    """Return the verified file of `source` in `directory`; download it if it is not there.

    A file of the same name with another checksum stays as it is, and the download gets a second name.

    Raises:
        SourceError: the file could not be read, downloaded or saved.
        DataError: files with other checksums have all names that the file may have.
    """
    paths = [directory / name for name in source.file_names]
    try:
        checksums = {path: file_sha256(path) for path in paths if path.is_file()}
        for path, sha256 in checksums.items():
            if source.sha256 in {None, sha256}:
                return path
        for path in paths:
            if path not in checksums:
                _save(_open(source, directory), path, source)
                return path
    except OSError as error:
        raise SourceError(f"{source.uri} could not be read or saved: {error}") from error
    path, sha256 = checksums.popitem()
    raise DataError(
        f"{path} has the SHA-256 {sha256}, but {source.uri} must have {source.sha256}; "
        "move the file away, or correct the checksum if the file is the right one"
    )


def download_file(uri: str, directory: Path) -> Source:
    """Download a file whose checksum nobody knows yet, and return the source with its checksum.

    Raises:
        SourceError: this is not the URI of one file, or the file could not be downloaded or saved.
    """
    try:
        check_uri(uri)
        directory.mkdir(parents=True, exist_ok=True)
        partial = directory / f".download.{token_hex(4)}.part"
        try:
            source = Source(uri=uri, sha256=write_chunks(TRANSPORTS[urlsplit(uri).scheme](uri), partial))
            paths = [directory / name for name in source.file_names]
            path = next(path for path in paths if not path.exists() or file_sha256(path) == source.sha256)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except (OSError, ValueError, StopIteration) as error:
        raise SourceError(f"{uri} could not be read or saved: {error}") from error
    return source


def _open(source: Source, directory: Path) -> Chunks:
    scheme = urlsplit(source.uri).scheme
    if not scheme:
        raise SourceError(f"{source.uri} is not a file in {directory}")
    return TRANSPORTS[scheme](source.uri)


def _save(chunks: Chunks, path: Path, source: Source) -> None:
    """Write `chunks` to `path`, or nothing if they fail or have the wrong checksum."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{token_hex(4)}.part")
    try:
        sha256 = write_chunks(chunks, partial)
        if sha256 != source.sha256:
            raise SourceError(f"{source.uri} sent a file with the SHA-256 {sha256}, not {source.sha256}")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_chunks(chunks: Chunks, path: Path) -> str:
    """Write `chunks` to the disk and return their SHA-256."""
    digest = hashlib.sha256()
    with closing(chunks), path.open("xb") as file:
        for chunk in chunks:
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _http_chunks(uri: str) -> Chunks:
    timeout = httpx.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT)
    try:
        with httpx.stream("GET", uri, follow_redirects=True, timeout=timeout) as response:
            if response.status_code != httpx.codes.OK:
                raise SourceError(f"{uri} could not be downloaded: HTTP status {response.status_code}")
            yield from response.iter_bytes(CHUNK_SIZE)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise _download_error(uri, error) from error


def _download_error(uri: str, error: Exception) -> SourceError:
    return SourceError(f"{uri} could not be downloaded: {type(error).__name__}: {error}")


TRANSPORTS = {"https": _http_chunks, "http": _http_chunks, "s3": s3.read_object}
