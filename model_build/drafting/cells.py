"""The cells of a column: which of them are missing, and how many there are of each."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import isfinite

import numpy as np

MARKERS = ("?", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "-", "--")
"""Texts that stand for a missing value in any column."""
WORDS = frozenset({"none", "missing", "unknown", "not available", "."})
"""Texts that may be a category, and stand for a missing value only among numbers."""


@dataclass(frozen=True)
class Cells:
    """The texts of a column, without the space around them."""

    counts: Counter[str]
    """Rows by text; missing cells are not in it."""
    markers: tuple[str, ...]
    """The texts of missing cells, without the empty text."""
    missing: int
    """Rows whose cell is missing."""

    @property
    def rows(self) -> int:
        return self.counts.total() + self.missing

    @property
    def most_frequent(self) -> str:
        return self.counts.most_common(1)[0][0]

    @cached_property
    def numbers(self) -> list[float] | None:
        """Every different text as a number; None if one of them is no number, or no finite one."""
        texts = "".join(self.counts)
        if "_" in texts or not texts.isascii():  # float reads 1_000, and digits of other scripts
            return None
        try:
            numbers = list(map(float, self.counts))
        except ValueError:
            return None
        return numbers if all(map(isfinite, numbers)) else None

    @property
    def middle_number(self) -> float:
        """The median over all rows, which is the number of one of them."""
        numbers = np.array(self.numbers or list(map(float, self.counts)))
        order = np.argsort(numbers, kind="stable")
        rows = np.cumsum(np.fromiter(self.counts.values(), float, len(numbers))[order])
        return float(numbers[order[np.searchsorted(rows, rows[-1] / 2)]])

    def without(self, texts: Iterable[str]) -> "Cells":
        """Return the cells if these texts stand for a missing value too."""
        markers = [text for text in texts if text in self.counts]
        if not markers:
            return self
        rest = Counter({text: count for text, count in self.counts.items() if text not in markers})
        return Cells(rest, (*self.markers, *markers), self.rows - rest.total())


def count_cells(column: Iterable[str]) -> Cells:
    """Return the cells of a column, of which the empty ones and the usual markers are missing."""
    counts = Counter(map(str.strip, column))
    empty = counts.pop("", 0)
    return Cells(counts, (), empty).without(MARKERS)
