"""Where the rows of a spec come from: a file of the data directory, an HTTPS server or an S3 bucket.

A download is written next to its final name and renamed only once its checksum is right, so a file
under its final name is always whole, whatever kills the run.
"""

import hashlib
import os
from collections.abc import Generator
from contextlib import closing
from pathlib import Path, PurePosixPath
from secrets import token_hex
from typing import Self
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from app.core.contract import Sha256
from model_build.errors import DataError, SourceError

CONNECT_TIMEOUT = 5.0  # seconds
READ_TIMEOUT = 30.0  # seconds without a single byte
CHUNK_SIZE = 1 << 16  # bytes
SHORT = 12  # digits of a checksum, in the name of a file
LOOPBACK = ("localhost", "127.0.0.1", "::1")

Chunks = Generator[bytes, None, None]


class Source(BaseModel):
    """One place that holds the rows; a remote one is trusted only through its checksum."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    uri: str
    sha256: Sha256 | None = None

    @field_validator("uri")
    @classmethod
    def _holds_no_password(cls, uri: str) -> str:
        """Refuse it without showing it: the URI is published with the model."""
        if "@" in urlsplit(uri).netloc:
            raise ValueError("must hold no user name and no password")
        return uri

    @field_validator("uri")
    @classmethod
    def _uses_a_known_transport(cls, uri: str) -> str:
        url = urlsplit(uri)
        if url.scheme not in ("", *TRANSPORTS):
            raise ValueError(f"{uri!r} must be a file name, s3://bucket/key or https://host/path")
        if url.scheme and not url.hostname:
            raise ValueError(f"{uri!r} names no {'bucket' if url.scheme == 's3' else 'host'}")
        if url.scheme == "http" and url.hostname not in LOOPBACK:
            raise ValueError(f"{uri!r} must be https://; http:// is only for {', '.join(LOOPBACK)}")
        return uri

    @field_validator("uri")
    @classmethod
    def _names_a_file_of_the_data_directory(cls, uri: str) -> str:
        path = _path_of(uri)
        if path.is_absolute() and not urlsplit(uri).scheme:
            raise ValueError(f"{uri!r} must be relative to the data directory")
        if ".." in path.parts:
            raise ValueError(f"{uri!r} must not contain '..'")
        if not path.name:
            raise ValueError(f"{uri!r} names no file")
        return uri

    @model_validator(mode="after")
    def _can_be_verified(self) -> Self:
        if self.is_remote and self.sha256 is None:
            raise ValueError(f"{self.uri!r} needs a sha256; only a local file may go without")
        return self

    @property
    def is_remote(self) -> bool:
        return bool(urlsplit(self.uri).scheme)

    @property
    def file_names(self) -> tuple[str, ...]:
        """Where the file may be kept, relative to the data directory.

        A download has a second name, for when another file has the first.
        """
        if self.sha256 is None or not self.is_remote:
            return (self.uri,)
        name = _path_of(self.uri).name
        return name, f"{self.sha256[:SHORT]}-{name}"


def fetch(source: Source, directory: Path) -> Path:
    """Return the verified file of `source` in `directory`; it is downloaded only if it is not there.

    A file with another checksum is left as it is. A download is then kept beside it.

    Raises:
        SourceError: the file cannot be had.
        DataError: every name that it may have is taken by a file with another checksum.
    """
    places = [directory / name for name in source.file_names]
    try:
        taken = {path: sha256_of(path) for path in places if path.is_file()}
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


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _path_of(uri: str) -> PurePosixPath:
    url = urlsplit(uri)
    return PurePosixPath(url.path if url.scheme else uri)


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
