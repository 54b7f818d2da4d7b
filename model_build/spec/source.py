"""A source of rows: files in the data directory, an HTTPS server, an S3 bucket, or a query to a database."""

import re
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from app.core.contract import Sha256

SCHEMES = ("https", "http", "s3")
BUNDLE = "sklearn"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
CHECKSUM_DIGITS = 12  # in the name of a file
SIGNS = re.compile(r"[*?]")
"""What stands for any characters, or any one, in the name of a file."""
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
PASSWORD = re.compile(r"(?i)[?&;][^=&;]*(password|passwd|pwd|secret|token)[^=&;]*=")
"""A parameter of a URL that holds a secret."""
SET_ASIDE = (".", "_")
"""What the names of files begin with that are hidden, unfinished or about other files."""

BUNDLED = ("breast_cancer", "iris", "wine")
"""Names of the tables that scikit-learn brings along."""
SourceMode = Literal["auto", "real", "synthetic"]
"""Which data a bake uses: auto is real if a source answers, and otherwise synthetic."""


class Source(BaseModel):
    """A file with rows, several with the same columns, or a query. A remote file needs a checksum."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    query: str | None = Field(default=None, min_length=1)
    """SQL; the URI is that of a database."""
    uri: str
    """A file in the data directory, s3://bucket/key, https://host/path, sklearn://iris, or with a query a
    database."""
    sha256: Sha256 | None = None
    """Of several files: of the lines that sha256sum prints for them."""
    sheet: str | None = Field(default=None, min_length=1)
    """Of an Excel workbook. Default: the only one with cells."""

    @field_validator("uri")
    @classmethod
    def _holds_no_password(cls, uri: str) -> str:
        """Refuse a password without showing it, because the URI is published with the model."""
        _check_password(uri)
        return uri

    @field_validator("uri")
    @classmethod
    def _names_something(cls, uri: str, info: ValidationInfo) -> str:
        (_check_file if info.data.get("query") is None else _check_database)(uri)
        return uri

    @model_validator(mode="after")
    def _can_be_verified(self) -> Self:
        if self.query and (self.sha256 or self.sheet):
            raise ValueError("a query has no sha256 and no sheet")
        if self.bundled and (self.sha256 or self.sheet):
            raise ValueError("a table of scikit-learn has no sha256 and no sheet")
        if self.is_remote and self.sha256 is None:
            raise ValueError(f"{self.uri!r} needs a sha256; only a local file may have none")
        return self

    @property
    def is_remote(self) -> bool:
        """Whether it is a file of a server."""
        return self.query is None and urlsplit(self.uri).scheme in SCHEMES

    @property
    def bundled(self) -> str | None:
        """The name of the table, if it is one that scikit-learn brings along."""
        url = urlsplit(self.uri)
        return url.hostname if self.query is None and url.scheme == BUNDLE else None

    @property
    def variable(self) -> str | None:
        """The environment variable that holds the URL of the database."""
        match = VARIABLE.fullmatch(self.uri)
        return match[1] if match else None

    @property
    def is_pattern(self) -> bool:
        """Whether it may be several files: all of a directory, or those whose names fit."""
        return self.query is None and _is_pattern(self.uri)

    @property
    def root(self) -> str:
        """The directory of a pattern: what is before the first name with a sign of it, up to a `/`."""
        fixed, *_ = SIGNS.split(self.uri, maxsplit=1)
        return fixed[: fixed.rfind("/") + 1]

    def fits(self, name: str) -> bool:
        """Return whether a file belongs to the pattern; its name is relative to the root."""
        names = PurePosixPath(name).parts
        patterns = PurePosixPath(self.uri.removeprefix(self.root)).parts
        if any(one.startswith(SET_ASIDE) for one in names):
            return False
        return not patterns or (len(names) == len(patterns) and all(map(_fits, names, patterns)))

    @property
    def file_names(self) -> tuple[str, ...]:
        """The paths that the file may have, relative to the data directory.

        A download has a second name, which it gets if another file has the first.
        """
        if self.sha256 is None or not self.is_remote:
            return (self.uri,)
        name = path_of(self.uri).name
        return name, f"{self.sha256[:CHECKSUM_DIGITS]}-{name}"

    def is_in(self, directory: Path) -> bool:
        """Return whether a file of the source lies in a directory, or is there anyway."""
        if self.bundled:
            return True
        if self.query is not None:
            path = urlsplit(self.uri).path.removeprefix("/")
            return self.uri.startswith("sqlite") and bool(path) and (directory / path).is_file()
        if self.is_pattern and not self.is_remote:
            root = directory / self.root
            return root.is_dir() and any(
                self.fits(path.relative_to(root).as_posix()) for path in root.rglob("*")
            )
        return any((directory / name).exists() for name in self.file_names)


def check_uri(uri: str) -> None:
    """Raise ValueError if this is not the URI of a file without a password."""
    _check_password(uri)
    _check_file(uri)
    if _is_pattern(uri):
        raise ValueError(f"{uri!r} may be several files")


def _check_password(uri: str) -> None:
    if "@" in urlsplit(uri).netloc or PASSWORD.search(uri):
        raise ValueError("must hold no user name and no password")


def _check_database(uri: str) -> None:
    if not VARIABLE.fullmatch(uri) and "://" not in uri:
        raise ValueError(f"{uri!r} must be the URL of a database, or ${{NAME}} of a variable that holds it")


def _check_file(uri: str) -> None:
    """Raise ValueError if this is not the URI of a file."""
    url, path = urlsplit(uri), path_of(uri)
    if url.scheme == BUNDLE:
        if uri.removeprefix(f"{BUNDLE}://") not in BUNDLED:
            raise ValueError(f"{uri!r} must be {BUNDLE}:// and one of {', '.join(BUNDLED)}")
        return
    if VARIABLE.fullmatch(uri):
        raise ValueError(f"{uri!r} is the URL of a database, so it needs a query")
    if url.scheme not in ("", *SCHEMES):
        raise ValueError(f"{uri!r} must be a file name, s3://bucket/key, https://host/path or sklearn://iris")
    if url.scheme and not url.hostname:
        raise ValueError(f"{uri!r} names no {'bucket' if url.scheme == 's3' else 'host'}")
    if url.scheme == "http" and url.hostname not in LOOPBACK:
        raise ValueError(f"{uri!r} must be https://; http:// is only for {', '.join(LOOPBACK)}")
    if path.is_absolute() and not url.scheme:
        raise ValueError(f"{uri!r} must be relative to the data directory")
    if ".." in path.parts:
        raise ValueError(f"{uri!r} must not contain '..'")
    if not path.name and not (uri and _is_pattern(uri)):
        raise ValueError(f"{uri!r} names no file")


def _is_pattern(uri: str) -> bool:
    return urlsplit(uri).scheme not in {"https", "http"} and bool(uri.endswith("/") or SIGNS.search(uri))


def _fits(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern.replace("[", "[[]"))


def path_of(uri: str) -> PurePosixPath:
    url = urlsplit(uri)
    return PurePosixPath(url.path if url.scheme else uri)
