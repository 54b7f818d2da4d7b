"""Files of text: decompressed, and read in their encoding."""

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import pyarrow as pa

from app.core.text_files import GZIP, ZSTANDARD, find_encoding, name_binary
from model_build.errors import DataError

LONGEST_START = 16  # bytes, that tell what a file is


def read_start(path: Path) -> bytes:
    """Return the first bytes of what a file holds when it is decompressed.

    Raises:
        DataError: the file can't be read.
    """
    try:
        with decompress(path) as content:
            return content.read(LONGEST_START)
    except (OSError, EOFError) as error:
        raise cannot_be_read(path, error) from error


@contextmanager
def open_text(path: Path, encoding: str) -> Iterator[IO[str]]:
    """Open a file, compressed or not, in its encoding; a byte order mark counts more than `encoding`."""
    start = read_start(path)
    words = name_binary(start)
    if words:
        raise DataError(f"{path} is not a CSV file: it is {words}")
    with decompress(path) as content:
        yield io.TextIOWrapper(content, find_encoding(start, encoding), newline="")


def decompress(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        start = file.read(LONGEST_START)
    if start.startswith(GZIP):
        return cast(IO[bytes], gzip.open(path))
    if start.startswith(ZSTANDARD):
        return io.BytesIO(pa.input_stream(str(path), compression="zstd").read())
    return path.open("rb")


def cannot_be_read(path: Path, error: Exception) -> DataError:
    """Return the error for a file or a compression that is broken."""
    return DataError(f"{path} can't be read: {error}")
