"""The decimal comma of numbers in files whose delimiter is not the comma."""

import re
from collections.abc import Iterable

_NUMBER = re.compile(r"\s*[+-]?\d*,\d+(?:[eE][+-]?\d+)?\s*", re.ASCII)
_THOUSANDS = re.compile(r"\s*[+-]?[1-9]\d{0,2}(?:,\d{3})+\s*", re.ASCII)


def replace_decimal_commas(rows: Iterable[list[str]], columns: Iterable[int], delimiter: str) -> None:
    """Write `1,5` as `1.5` in these columns of a file with this delimiter; leave what is ambiguous.

    `1.234,5` has two signs, of which one may be for thousands. Where the delimiter is a semicolon, as in
    countries that write a decimal comma, `1,234` is one and a bit; elsewhere it may be a thousand.
    """
    columns = [*columns]
    for cells in rows:
        for column in columns:
            if "," in cells[column]:
                cells[column] = _with_point(cells[column], delimiter)


def _with_point(cell: str, delimiter: str) -> str:
    if not _NUMBER.fullmatch(cell) or (delimiter != ";" and _THOUSANDS.fullmatch(cell)):
        return cell
    return cell.replace(",", ".")
