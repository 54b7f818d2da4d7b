"""Column name → what the column holds: one rule for training files and for CSV that the service reads."""

import re
from collections.abc import Iterable, Sequence

_WORD = re.compile(r"[^-_.\s]+")
_LETTERS = re.compile(r"[\W_]+")


def normalize_column_name(name: str) -> str:
    """Return the one spelling of a column: `Marital-Status` and `marital status` become `marital_status`."""
    return "_".join(_WORD.findall(name.lower()))


class ColumnNames:
    """The names of some things in a file, each of which may have several."""

    def __init__(self, names: Sequence[Sequence[str]]) -> None:
        """Take the names of each thing; the number of a thing is its position."""
        self._exact = {name: number for number, names_of_one in enumerate(names) for name in names_of_one}
        self._similar = _index((normalize_column_name(name), number) for name, number in self._exact.items())
        self._by_letters = _index((_letters(name), number) for name, number in self._exact.items())

    def find(self, name: str) -> int | None:
        """Return the number of what a column with this name holds; None if nothing known.

        An exact name counts first; otherwise capitals do not matter, and `-`, `_`, `.` and space are equal.
        """
        name = name.strip()
        number = self._exact.get(name)
        return self._similar.get(normalize_column_name(name)) if number is None else number

    def guess(self, name: str) -> int | None:
        """Return the number of what is probably meant: only the letters and digits of the name count."""
        return self._by_letters.get(_letters(name))

    def count(self, names: Iterable[str]) -> int:
        """Return how many different things the names are of."""
        return len({self.find(name) for name in names} - {None})


def _index(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return the number for each name, without the names that several things share."""
    numbers: dict[str, set[int]] = {}
    for name, number in pairs:
        numbers.setdefault(name, set()).add(number)
    return {name: next(iter(shared)) for name, shared in numbers.items() if name and len(shared) == 1}


def _letters(name: str) -> str:
    return _LETTERS.sub("", name.lower())
