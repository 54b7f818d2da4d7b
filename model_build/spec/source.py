"""A source of rows: a file in the data directory, an HTTPS server or an S3 bucket."""

from pathlib import PurePosixPath
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from app.core.contract import Sha256

SCHEMES = ("https", "http", "s3")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
CHECKSUM_DIGITS = 12  # in the name of a file

GENERATOR_NAMES = ("census",)
"""Names of the generators of synthetic rows."""

SourceMode = Literal["auto", "real", "synthetic"]
"""Which data a bake uses: auto is real if a source answers, and otherwise synthetic."""


class Source(BaseModel):
    """A file with rows. A remote file is trusted only if its checksum is right."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    uri: str
    sha256: Sha256 | None = None

    @field_validator("uri")
    @classmethod
    def _holds_no_password(cls, uri: str) -> str:
        """Refuse a password without showing it, because the URI is published with the model."""
        if "@" in urlsplit(uri).netloc:
            raise ValueError("must hold no user name and no password")
        return uri

    @field_validator("uri")
    @classmethod
    def _uses_a_known_scheme(cls, uri: str) -> str:
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
    def _file_is_in_the_data_directory(cls, uri: str) -> str:
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
            raise ValueError(f"{self.uri!r} needs a sha256; only a local file may have none")
        return self

    @property
    def is_remote(self) -> bool:
        return bool(urlsplit(self.uri).scheme)

    @property
    def file_names(self) -> tuple[str, ...]:
        """The paths that the file may have, relative to the data directory.

        A download has a second name, which it gets if another file has the first.
        """
        if self.sha256 is None or not self.is_remote:
            return (self.uri,)
        name = _path_of(self.uri).name
        return name, f"{self.sha256[:CHECKSUM_DIGITS]}-{name}"


def _path_of(uri: str) -> PurePosixPath:
    url = urlsplit(uri)
    return PurePosixPath(url.path if url.scheme else uri)
