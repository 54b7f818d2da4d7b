"""Numbers, counts and lists in sentences."""

import math
import reprlib
from collections.abc import Iterable
from itertools import islice

from app.core.values import Value

EXAMPLES = 5
"""The most rows or values that a sentence names."""

NOTHING = "\N{EN DASH}"
GROUPED = 1000  # the first number with a thousands separator
LONG = 1e15  # larger numbers are written with an exponent


def format_number(value: float) -> str:
    """Return 12,345 for a whole number and about four digits of any other; a dash for NaN."""
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
    """Return 12.3%; a dash for NaN."""
    return NOTHING if math.isnan(share) else f"{share:.{digits}%}"


def format_metric(value: float) -> str:
    """Return four decimals; a dash for NaN."""
    return NOTHING if math.isnan(value) else f"{value:.4f}"


def format_interval(value: float, low: float, high: float) -> str:
    """Return `0.9300 (0.9200 to 0.9400)`."""
    return f"{value:.4f} ({low:.4f} to {high:.4f})"


def format_value(value: Value) -> str:
    """Return a value as a sentence shows it: 130, 'Privat' or true."""
    match value:
        case bool():
            return str(value).lower()
        case float() | int():
            return f"{value:.15g}"
    return reprlib.repr(value)


def join_first(items: Iterable[str], count: int) -> str:
    """Return the first few of `count` items, and the number of the rest."""
    first = ", ".join(islice(items, EXAMPLES))
    return f"{first} and {count - EXAMPLES:,} more" if count > EXAMPLES else first


def format_row_numbers(rows: Iterable[int], count: int) -> str:
    """Return `row 3` or `rows 3, 7`: the first few of `count` row numbers, and how many more there are."""
    return f"{'row' if count == 1 else 'rows'} {join_first((f'{row:,}' for row in rows), count)}"
