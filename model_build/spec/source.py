"""Where the rows of a spec may come from: a file of the data directory, an HTTPS server or an S3 bucket."""

from pathlib import PurePosixPath
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from app.core.contract import Sha256

SCHEMES = ("https", "http", "s3")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
SHORT = 12  # digits of a checksum, in the name of a file

GENERATORS = ("census",)
"""Generators of synthetic rows, by name."""

SourceMode = Literal["auto", "real", "synthetic"]
"""Which data a bake takes: auto is real if a source answers, else synthetic."""


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
        if url.scheme not in ("", *SCHEMES):
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


def _path_of(uri: str) -> PurePosixPath:
    url = urlsplit(uri)
    return PurePosixPath(url.path if url.scheme else uri)
