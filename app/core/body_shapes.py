"""JSON of other shapes: what can be read as a batch of rows, and what a body is that can't."""

import re
from collections.abc import Collection, Sequence

from pydantic_core import to_json

from app.core.errors import Problem
from app.core.features import Feature
from app.core.text_files import GZIP, UTF_8_MARK, UTF_16_MARKS

LOOKED_AT = 16 * 1024  # bytes
ROW_KEYS = ("instances", "data", "rows", "records", "dataframe_records", "features")
TABLE_KEYS = ("dataframe_split", "columns", "index")
OTHER_KEYS = {
    **{key.encode(): f"The rows stand under {key}, not under inputs." for key in ROW_KEYS},
    **dict.fromkeys(
        (key.encode() for key in TABLE_KEYS),
        "The body is a table of columns and data, as to_dict(orient='split') of pandas makes it.",
    ),
}

_LIST = re.compile(rb"\s*+\[\s*+\{")
_BATCH = re.compile(rb'\s*+\{\s*+"inputs"')
_LINE_OF_OBJECT = re.compile(rb"\s*+\{.*\}\s*")
_QUOTED = re.compile(rb'\s*+"\s*+[\[{]')
_COLUMNS = re.compile(rb'\s*+\{\s*+"inputs"\s*+:\s*+\{\s*+"[^"\\]*+"\s*+:\s*+[\[{]')
_SINGLE_QUOTES = re.compile(rb"\s*+(?:\[\s*+)?\{\s*+'")
_FIRST_VALUE = re.compile(rb'\s*+\{\s*+"([^"\\]{1,100})"\s*+:\s*+([\[{])\s*+(.)?', re.DOTALL)
_TENSOR = re.compile(rb'\s*+\{\s*+"inputs"\s*+:\s*+\[\s*+\{[^{}]*"(?:datatype|shape)"\s*+:')


def as_batch(body: bytes, most_lines: float) -> bytes | None:
    """Return `{"inputs": [row, …]}` for a list of rows, for a row on each line, or without a byte order mark.

    None for a body of another shape, and for more lines than `most_lines` that may be rows.
    """
    text = body.removeprefix(UTF_8_MARK)
    if _LIST.match(text):
        return b'{"inputs":%b}' % text
    if _LINE_OF_OBJECT.match(text) and not _BATCH.match(text) and text.count(b"\n") <= 2 * most_lines + 2:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) > 1 and all(map(_LINE_OF_OBJECT.fullmatch, lines)):
            return b'{"inputs":[%b]}' % b",".join(lines)
    return None if text is body or text == body else text


def name_shape(body: bytes, names: Collection[str], example: str) -> Problem | None:
    """Return the Problem that says what a refused body is, if it is known; features have these names."""
    start = body[:LOOKED_AT]
    words = _name_encoding(start)
    if words:
        return Problem(400, "invalid-json", f"The body is not JSON: {words}")
    words = _name_structure(start, {name.encode() for name in names})
    if words is None:
        return None
    message = f"{words} Send {example}."
    error = {"loc": [], "msg": message, "type": "wrong_shape"}
    return Problem(422, "invalid-rows", f"At body: {message}", errors=[error])


def _name_encoding(start: bytes) -> str | None:
    if start.startswith(GZIP):
        return "it is compressed with gzip. Declare that with Content-Encoding: gzip."
    if start.startswith(UTF_16_MARKS) or b"\0" in start[1:2]:
        return "it is text in UTF-16. Send UTF-8."
    if _SINGLE_QUOTES.match(start):
        return "its names stand in single quotes, as Python prints them. Use json.dumps, not str."
    return None


def _name_structure(start: bytes, names: Collection[bytes]) -> str | None:
    if _QUOTED.match(start):
        return "The body is JSON within a string: it was encoded twice. Encode it once."
    first = _FIRST_VALUE.match(start)
    if first is None:
        return None
    key, sign, after = first.groups()
    if key == b"inputs":
        return _name_inputs(start, after)
    if key in names:
        return None
    if key.isdigit() and sign == b"{":
        return "The body has a row for each index, as to_dict(orient='index') of pandas makes it."
    return OTHER_KEYS.get(key)


def _name_inputs(start: bytes, after: bytes | None) -> str | None:
    if _COLUMNS.match(start):
        return "inputs has a list for each column; it must be a list of rows."
    if after == b"[":
        return "A row is a list of values without names; it must be an object."
    is_tensor = _TENSOR.match(start)
    return "The body has tensors of the Open Inference Protocol, not rows." if is_tensor else None


def write_example(features: Sequence[Feature]) -> str:
    """Return the shape of a batch, with the first values of a row."""
    examples = {feature.name: feature.example for feature in features[:2]}
    more = ", …" if len(features) > len(examples) else ""
    return f'{{"inputs": [{to_json(examples).decode()[:-1]}{more}}}, …]}}'
