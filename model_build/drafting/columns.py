"""What a column of a table becomes in a spec."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor
from typing import Any

import numpy as np

from app.core.features import LARGEST_INTEGER, LONGEST_TEXT
from app.core.values import BOOLEANS
from model_build.drafting.cells import WORDS, Cells
from model_build.drafting.dates import AmbiguousDatesError, draft_dates
from model_build.drafting.ranges import widen_integers, widen_numbers
from model_build.text import join_first, pluralize

MOST_CATEGORIES = 100
RARE = 20
"""A category with fewer rows is named in a comment, and of many categories such ones are read as one."""
MANY = 10
"""Categories from which on rare ones are gathered."""
FEW = 20
"""Different texts up to which numbers with signs are categories."""
REPEATED = 0.5
"""Share of different texts up to which a text says something about other rows with the same."""
ALL_DIFFERENT = 0.95
"""Share of different texts from which on a column tells rows apart, and says nothing about others."""
TWO_VALUES = 2
MERGED = 0.5
"""Share of different numbers that float32 may merge, by default of data_checks.maximum_merged."""
ID_NAME = re.compile(
    r"(?i:(^|[\s_.-])(id|ids|uuid|guid|key|index|nr|no|row|number)$)|[a-z](Id|ID)$|^(#|Unnamed: 0)$"
)
CODE_NAME = re.compile(r"(?i)(^|[\s_.-])(zip|plz|(zip|post|postal|area|country|state)[\s_.-]?code)$")
"""Numbers of such a column name places, and no arithmetic is right for them."""
LEADING_ZERO = re.compile(r"0\d")
SIGNS = re.compile(r"[$€£¥%\s]|(?<=\d)['.,](?=\d{3}\b)")
"""Currencies, percent signs and separators of thousands, which no reader of numbers takes."""


@dataclass(frozen=True)
class DraftColumn:
    """A column that is a feature, an id, or left out."""

    name: str
    comment: str
    """For a feature what to look at; for another column why it is no feature."""
    keys: Mapping[str, Any] | None = None
    """The keys of the feature, without its name and title; None if the column is no feature."""
    is_id: bool = False

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels of a category or a boolean."""
        keys = self.keys or {}
        return ("false", "true") if keys.get("type") == "boolean" else tuple(keys.get("categories", ()))


def draft_column(name: str, cells: Cells) -> DraftColumn:
    """Return what a column with these cells is best taken for."""
    if not name:
        return DraftColumn("(no name)", "has no name")
    if name == "inputs":
        return DraftColumn(name, "has the name of the key that holds the rows of a request")
    if not cells.counts:
        return DraftColumn(name, "has no value")
    if len(cells.counts) == 1:
        (text,) = cells.counts
        return DraftColumn(name, f"every row with a value has {text}")
    drafts = (_draft_id, _draft_boolean, _draft_number, _draft_date, _refuse_signs, _draft_open)
    return next(filter(None, (draft(name, cells) for draft in drafts)), None) or _draft_category(name, cells)


def _draft_id(name: str, cells: Cells) -> DraftColumn | None:
    if ID_NAME.search(name) and len(cells.counts) > ALL_DIFFERENT * cells.counts.total():
        return DraftColumn(name, "tells rows apart", is_id=True)
    numbers = cells.numbers or [0.5]
    first, last = min(numbers), max(numbers)
    if RARE <= len(numbers) == cells.rows == last - first + 1 and first.is_integer():
        return DraftColumn(name, f"counts the rows from {first:.0f} to {last:.0f}", is_id=True)
    return None


def _draft_boolean(name: str, cells: Cells) -> DraftColumn | None:
    if len(cells.counts) > len(BOOLEANS):
        return None
    values = [BOOLEANS.get(text.lower()) for text in cells.counts]
    if None in values or len(set(values)) < TWO_VALUES:
        return None
    example = BOOLEANS[cells.most_frequent.lower()]
    return _feature(name, cells, {"type": "boolean", "example": example}, "")


def _draft_number(name: str, cells: Cells) -> DraftColumn | None:
    if cells.numbers is None:
        cells = cells.without(text for text in cells.counts if text.lower() in WORDS)
    numbers = cells.numbers
    if numbers is None or len(set(numbers)) == 1:
        return None
    least, largest, middle = min(numbers), max(numbers), cells.middle_number
    limits = f"{least:.6g} … {middle:.6g} … {largest:.6g}"
    offset = floor(middle) if _merges(numbers) else 0
    if offset and _merges([number - offset for number in numbers]):
        reason = f"has numbers that float32, in which the model computes, can't tell apart: {limits}"
        return DraftColumn(name, reason)
    if CODE_NAME.search(name) or any(
        map(LEADING_ZERO.match, cells.counts)
    ):  # as a number, 00123 would be 123
        return None
    is_whole = all(number.is_integer() for number in numbers)
    if is_whole and max(-least, largest) <= LARGEST_INTEGER:
        low, high = widen_integers(int(least), int(largest))
        return _feature(name, cells, _range("integer", low, high, int(middle)), limits)
    minimum, maximum = widen_numbers(least - offset, largest - offset)
    keys = _range("number", offset + minimum, offset + maximum, middle)
    keys |= {"offset": offset} if offset else {}
    exact = f"{least:.15g} … {largest:.15g}; the model reads the distance from the offset"
    comment = exact if offset else limits
    return _feature(name, cells, keys, comment)


def _merges(numbers: Sequence[float]) -> bool:
    """Return whether float32 makes more numbers equal than the data checks allow."""
    exact = np.array(numbers)
    return len(np.unique(exact.astype(np.float32))) < (1 - MERGED) * len(np.unique(exact))


def _range(kind: str, minimum: float, maximum: float, example: float) -> dict[str, Any]:
    return {"type": kind, "minimum": minimum, "maximum": maximum, "example": example}


def _draft_date(name: str, cells: Cells) -> DraftColumn | None:
    try:
        dates = draft_dates(cells.counts)
    except AmbiguousDatesError as error:
        return DraftColumn(name, str(error))
    return _feature(name, cells, dates.keys, dates.comment) if dates else None


def _refuse_signs(name: str, cells: Cells) -> DraftColumn | None:
    """Leave out numbers with signs, which would be thousands of categories."""
    if not any(map(SIGNS.search, cells.counts)) or len(cells.counts) <= FEW:
        return None
    plain = Counter({SIGNS.sub("", text): count for text, count in cells.counts.items()})
    if Cells(plain, (), 0).numbers is None:
        return None
    text = next(filter(SIGNS.search, cells.counts))
    remedy = f"write {text} as {SIGNS.sub('', text)} in the table, and run init again"
    return DraftColumn(name, f"has numbers with signs: {remedy}")


def _draft_open(name: str, cells: Cells) -> DraftColumn | None:
    """Return a feature of too many texts to list, most of which occur more than once."""
    different, rows = len(cells.counts), cells.counts.total()
    is_text = max(map(len, cells.counts)) > LONGEST_TEXT
    if different <= MOST_CATEGORIES or different > REPEATED * rows or is_text:
        return None
    keys = {"type": "open_category", "example": cells.most_frequent}
    return _feature(name, cells, keys, f"{different:,} different texts")


def _draft_category(name: str, cells: Cells) -> DraftColumn:
    different, rows = len(cells.counts), cells.counts.total()
    if different > MOST_CATEGORIES or different > ALL_DIFFERENT * rows:
        return DraftColumn(name, f"has {different:,} different texts in {pluralize(rows, 'row')}")
    rare = [f"{text} {count}" for text, count in cells.counts.items() if count < RARE]
    keys: dict[str, Any] = {
        "type": "category",
        "categories": sorted(cells.counts),
        "example": cells.most_frequent,
    }
    comment = f"rare: {join_first(rare, len(rare))}" if rare else ""
    if len(rare) > 1 and different > MANY:
        keys["other"] = {"minimum_rows": RARE}
        comment = f"{len(rare)} rare ones are read as one; `unknown: other` would read unknown ones so too"
    return _feature(name, cells, keys, comment)


def _feature(name: str, cells: Cells, keys: Mapping[str, Any], comment: str) -> DraftColumn:
    """Return a feature that may be missing if some of its cells are."""
    if not cells.missing:
        return DraftColumn(name, comment, keys)
    markers = {"markers": list(cells.markers)} if cells.markers else {}
    share = f"{100 * cells.missing / cells.rows:.2g} % missing"
    return DraftColumn(name, "; ".join(filter(None, [comment, share])), {**keys, "missing": markers})
