"""The header line of CSV: which column holds which feature, and which the true label."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.core.contract import Contract
from app.core.errors import Problem
from app.prediction.csv_table import invalid_rows


@dataclass(frozen=True)
class CsvHeader:
    """The names of the columns, without the space around them, and what the columns hold."""

    names: list[str]
    features: list[int]
    """The column of each feature, in the order of the features."""
    target: int | None
    """The column of the true labels, if there is one."""
    ids: list[int | None] = field(default_factory=list)
    """The column of each id, in the order of the ids; None for one without a column."""


class HeaderReader:
    """Accepts columns in any order, under a feature's name or an alias.

    Every feature needs one column, the target and every id may have one, and there may be no other.
    """

    def __init__(self, contract: Contract) -> None:
        self._target = contract.target.name
        self._names = [*(feature.names for feature in contract.features), (self._target,)]
        self._names += [one.names for one in contract.ids]
        self._numbers = {name: number for number, names in enumerate(self._names) for name in names}
        self._features = len(contract.features)
        self._ids = len(contract.ids)
        self._known = ", ".join(feature.name for feature in contract.features)

    def read(self, cells: Sequence[str]) -> CsvHeader:
        """Return the header with these cells; raise Problem 422 for wrong columns."""
        if len(cells) > 2 * (self._features + self._ids) + 2:
            raise self._unknown_columns("Too many columns")
        names = [name.strip() for name in cells]
        columns = {self._numbers.get(name): column for column, name in enumerate(names)}
        if None in columns:
            raise self._unknown_columns("Unknown column")
        target = columns.pop(self._features, None)
        ids = [columns.pop(self._features + 1 + number, None) for number in range(self._ids)]
        others = [target, *ids]
        if len(columns) < self._features or len(names) > self._features + len(others) - others.count(None):
            raise self._wrong_columns(names)
        return CsvHeader(names, [columns[number] for number in range(self._features)], target, ids)

    def _unknown_columns(self, fault: str) -> Problem:
        return invalid_rows("extra_forbidden", ["line", 1], f"{fault}. The features are: {self._known}.")

    def _wrong_columns(self, names: Sequence[str]) -> Problem:
        """Return the Problem that says which name is missing or stands twice."""
        counts = ((names_of_one[0], sum(map(names.count, names_of_one))) for names_of_one in self._names)
        name, count = next(
            (name, count)
            for number, (name, count) in enumerate(counts)
            if count > 1 or (not count and number < self._features)
        )
        if count:
            return invalid_rows("extra_forbidden", ["line", 1, name], f"The column {name} stands twice.")
        return invalid_rows("missing", ["line", 1, name], f"The column {name} is missing.")
