"""Numbers, counts and lists in the sentences that people read."""

import math
import reprlib
from collections.abc import Iterable
from itertools import islice

from app.core.features import Value

EXAMPLES = 5
"""Rows, or values, that a sentence names when there are many."""

NOTHING = "\N{EN DASH}"
GROUPED = 1000  # from where on digits stand in groups
LONG = 1e15


def format_number(value: float) -> str:
    """Return 12,345, or about four digits of a number that is not whole; nothing for NaN, as all of these."""
    if math.isnan(value):
        return NOTHING
    if abs(value) >= LONG:
        return f"{value:.4g}"
    if value % 1 == 0:
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= GROUPED else f"{value:.4g}"


def pluralize(count: int, noun: str) -> str:
    """Return `1 row` or `12,345 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def format_percent(share: float, digits: int = 1) -> str:
    return NOTHING if math.isnan(share) else f"{share:.{digits}%}"


def format_metric(value: float) -> str:
    return NOTHING if math.isnan(value) else f"{value:.4f}"


def format_value(value: Value) -> str:
    """Return a value as a sentence shows it: 130, 'Privat' or true."""
    match value:
        case bool():
            return str(value).lower()
        case float() | int():
            return f"{value:.15g}"
    return reprlib.repr(value)


def join_first(items: Iterable[str], count: int) -> str:
    """Return the first few of `count` items."""
    first = ", ".join(islice(items, EXAMPLES))
    return f"{first} and {count - EXAMPLES:,} more" if count > EXAMPLES else first


def format_row_numbers(rows: Iterable[int], count: int) -> str:
    """Return `row 3`, or `rows 3, 7`: the first few of `count` rows."""
    return f"{'row' if count == 1 else 'rows'} {join_first((f'{row:,}' for row in rows), count)}"
