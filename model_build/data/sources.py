"""Where the rows of a spec come from: a file of the data directory, an HTTPS server or an S3 bucket.

A download is written next to its final name and renamed only once its checksum is right, so a file
under its final name is always whole, whatever kills the run.
"""

import hashlib
import os
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit

import httpx

from model_build.artifacts import file_sha256
from model_build.errors import DataError, SourceError
from model_build.spec.source import Source

CONNECT_TIMEOUT = 5.0  # seconds
READ_TIMEOUT = 30.0  # seconds without a single byte
CHUNK_SIZE = 1 << 16  # bytes

Chunks = Generator[bytes, None, None]


def fetch_source(source: Source, directory: Path) -> Path:
    """Return the verified file of `source` in `directory`; it is downloaded only if it is not there.

    A file with another checksum is left as it is. A download is then kept beside it.

    Raises:
        SourceError: the file cannot be had.
        DataError: every name that it may have is taken by a file with another checksum.
    """
    places = [directory / name for name in source.file_names]
    try:
        taken = {path: file_sha256(path) for path in places if path.is_file()}
        for path, sha256 in taken.items():
            if source.sha256 in {None, sha256}:
                return path
        for path in places:
            if path not in taken:
                _save(_open(source, directory), path, source)
                return path
    except OSError as exc:
        raise SourceError(f"{source.uri} could not be read or saved: {exc}") from exc
    path, sha256 = taken.popitem()
    raise DataError(
        f"{path} has the SHA-256 {sha256}, but {source.uri} must have {source.sha256}; "
        "move the file away, or correct the checksum if the file is the right one"
    )


def _open(source: Source, directory: Path) -> Chunks:
    scheme = urlsplit(source.uri).scheme
    if not scheme:
        raise SourceError(f"{source.uri} is not a file in {directory}")
    return TRANSPORTS[scheme](source.uri)


def _save(chunks: Chunks, path: Path, source: Source) -> None:
    """Write `chunks` to `path`, or nothing at all if they fail or have the wrong checksum."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{token_hex(4)}.part")
    try:
        actual = _write(chunks, part)
        if actual != source.sha256:
            raise SourceError(f"{source.uri} sent a file with the SHA-256 {actual}, not {source.sha256}")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _write(chunks: Chunks, path: Path) -> str:
    """Return the SHA-256 of what was written; the bytes are on the disk by then."""
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
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as exc:
        raise _download_error(uri, exc) from exc


def _s3_chunks(uri: str) -> Chunks:
    # Slow to import, and most runs read a file that is already there.
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    bucket, _, key = uri.removeprefix("s3://").partition("/")
    config = Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        retries={"mode": "standard", "total_max_attempts": 2},
    )
    try:
        with (
            closing(boto3.Session().client("s3", config=config)) as client,
            closing(client.get_object(Bucket=bucket, Key=key)["Body"]) as body,
        ):
            yield from body.iter_chunks(CHUNK_SIZE)
    except (BotoCoreError, ClientError, ValueError) as exc:  # ValueError: a malformed AWS_ENDPOINT_URL
        raise _download_error(uri, exc) from exc


def _download_error(uri: str, exc: Exception) -> SourceError:
    return SourceError(f"{uri} could not be downloaded: {type(exc).__name__}: {exc}")


TRANSPORTS = {"https": _http_chunks, "http": _http_chunks, "s3": _s3_chunks}
