"""The query and the headers of a prediction: what the client asks of CSV, and how the body is encoded."""

from collections.abc import Mapping
from urllib.parse import parse_qs, quote

from app.core.errors import Problem
from app.core.printable import MOST_LISTED
from app.core.text_files import ENCODINGS
from app.prediction.csv_options import MOST_KEPT, PLAIN, Options
from app.prediction.responses import Extras

BOOLEANS = {"true": True, "1": True, "false": False, "0": False, "": False}
MOST_FIELDS = 100  # of a query


def read_query(query: bytes) -> Options:
    """Return what `?strict=true&keep=id,name` asks; raise Problem 400 for other values of these two."""
    try:
        fields = parse_qs(query.decode("latin-1"), max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise _invalid(f"The query may have at most {MOST_FIELDS} fields.") from error
    strict = BOOLEANS.get(fields.get("strict", [""])[-1].lower())
    if strict is None:
        raise _invalid("strict= must be true or false.")
    keep = [name.strip() for names in fields.get("keep", []) for name in names.split(",")]
    if len(keep) > MOST_KEPT:
        raise _invalid(f"keep= may name at most {MOST_KEPT} columns.")
    return Options(strict, tuple(dict.fromkeys(keep)))


def find_charset(content_type: bytes) -> str | None:
    """Return the codec that a Content-Type of CSV declares; None for an unknown one, or without a header."""
    _, _, parameters = content_type.lower().replace(b" ", b"").replace(b'"', b"").partition(b";")
    declared = dict(parameter.partition(b"=")[::2] for parameter in parameters.split(b";"))
    if declared.get(b"header", b"present") != b"present":
        return None
    charset = declared.get(b"charset", PLAIN.encoding.encode())
    return ENCODINGS.get(charset.decode("latin-1"))


def is_compressed(headers: Mapping[bytes, bytes]) -> bool:
    """Return whether a body is declared to be gzip; raise Problem 415 for another Content-Encoding."""
    encoding = headers.get(b"content-encoding", b"identity").lower().strip()
    if encoding in {b"identity", b""}:
        return False
    if encoding in {b"gzip", b"x-gzip"}:
        return True
    raise Problem(
        415,
        "unsupported-media-type",
        "The Content-Encoding must be gzip, or the body plain. Zstandard, Brotli and others are not read.",
        headers={"Accept-Encoding": "gzip, identity"},
    )


def describe_extras(extras: Extras) -> list[tuple[bytes, bytes]]:
    """Return the headers that name the columns that were not read, and the values that were replaced.

    They are percent-encoded as far as necessary.
    """
    replaced = [
        f"{_quote(name)} {reason} {count}" for (name, reason), count in sorted(extras.replaced.items())
    ]
    lists = {b"ignored-columns": [*map(_quote, extras.ignored)], b"replaced-values": replaced}
    return [(name, _join_some(values)) for name, values in lists.items() if values]


def _quote(name: str) -> str:
    return quote(name, safe=" /:.()#")


def _join_some(values: list[str]) -> bytes:
    more = [f"and {len(values) - MOST_LISTED} more"] if len(values) > MOST_LISTED else []
    return ", ".join([*values[:MOST_LISTED], *more]).encode()


def _invalid(detail: str) -> Problem:
    return Problem(400, "invalid-query", detail)
