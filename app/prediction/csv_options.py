"""What a client may ask of CSV, beyond predictions."""

from typing import NamedTuple

from app.core.errors import Problem
from app.core.text_files import TextFileError, TooLargeError, decompress

MOST_KEPT = 20  # columns


class Options(NamedTuple):
    """How a body is to be read, and what the answer repeats of it."""

    strict: bool = False
    """Whether a column that the model does not read is an error."""
    keep: tuple[str, ...] = ()
    """Names of columns whose cells the answer repeats."""
    encoding: str = "utf-8"
    is_compressed: bool = False
    """Whether the body is declared to be gzip."""


PLAIN = Options()


def decompress_body(body: bytes, limit: int) -> bytes:
    """Return what a body in gzip holds; raise Problem 400 for another body, 413 for more bytes."""
    try:
        return decompress(body, limit)
    except TooLargeError as error:
        detail = f"Decompressed, the body may have at most {limit} bytes (MAX_BODY_BYTES). Send fewer rows."
        raise Problem(413, "body-too-large", detail) from error
    except TextFileError as error:
        raise Problem(400, "invalid-gzip", str(error)) from error
