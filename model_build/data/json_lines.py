"""JSON lines: an object a line; or one list of objects."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from model_build.data.cell_text import DateFormat, texts_of
from model_build.data.tables import Columns, to_columns
from model_build.data.text_files import cannot_be_read, open_text
from model_build.errors import DataError

STARTS = ("{", "[")


def read_json_lines(path: Path, encoding: str, date_format: DateFormat) -> Columns:
    """Return a column for each key; an object without a key has an empty cell.

    Raises:
        DataError: the file is not JSON, a row is no object, or an object has a key twice.
    """
    try:
        with open_text(path, encoding) as text:
            rows = list(_check_rows(_parse(text, path), path))
    except (OSError, EOFError, UnicodeError) as error:
        raise cannot_be_read(path, error) from error
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = [texts_of((row.get(name) for row in rows), date_format(name)) for name in names]
    return to_columns(names, columns)


def _parse(text: IO[str], path: Path) -> Iterator[tuple[str, Any]]:
    """Yield each row with the words for where it stands."""
    for number, line in enumerate(text, 1):
        if number == 1 and line.lstrip().startswith("["):
            rows = _load(line + text.read(), path, "The list")
            yield from ((f"Row {row}", value) for row, value in enumerate(rows, 1))
        elif line.strip():
            yield f"Line {number}", _load(line, path, f"Line {number}")


def _load(text: str, path: Path, subject: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_to_object)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: {subject} is not JSON: {error}") from error


def _to_object(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} is there twice")
    return row


def _check_rows(rows: Iterable[tuple[str, Any]], path: Path) -> Iterator[Mapping[str, Any]]:
    for subject, row in rows:
        if not isinstance(row, dict):
            raise DataError(f'{path}: {subject} is not an object such as {{"years": 5}}')
        yield row
