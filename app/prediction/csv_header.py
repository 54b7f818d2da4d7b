"""The header line of CSV: which column holds which feature, and which the true label."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.core.column_names import ColumnNames
from app.core.contract import Contract
from app.core.csv_table import invalid_rows
from app.core.errors import Problem
from app.core.features import RangedFeature
from app.core.printable import clean_name, list_some
from app.prediction.csv_options import PLAIN, Options

MOST_OTHER_COLUMNS = 1000  # beside those of the features and the target


@dataclass(frozen=True)
class CsvHeader:
    """The names of the columns, without the space around them, and what the columns hold."""

    names: list[str]
    features: list[int | None]
    """The column of each feature, in the order of the features; None for one that has its default."""
    target: int | None
    """The column of the true labels, if there is one."""
    keys: tuple[str, ...] = ()
    """What errors call each feature: the name in the file, if it is exactly one of the feature's names."""
    numbers: tuple[int, ...] = ()
    """The columns that hold numbers."""
    twins: tuple[tuple[int, int, str], ...] = ()
    """Two columns that hold the same thing, of this name; they must have the same cells."""
    ids: tuple[int | None, ...] = ()
    """The column of each id, in the order of the ids; None for one without a column."""
    kept: tuple[int, ...] = ()
    """The columns that the answer repeats."""
    ignored: tuple[str, ...] = ()
    """The names of the other columns, as they can be printed."""


class HeaderReader:
    """Accepts columns in any order, under a feature's name or an alias, however these are spelt.

    Every feature without a default needs a column, and the target and every id may have one. Others are
    ignored, unless the client is strict.
    """

    def __init__(self, contract: Contract) -> None:
        self._target = contract.target.name
        self._names = [*(feature.names for feature in contract.features), (self._target,)]
        self._names += [one.names for one in contract.ids]
        self._ids = len(contract.ids)
        self._features = [feature.name for feature in contract.features]
        self._required = {
            number for number, feature in enumerate(contract.features) if feature.absent is None
        }
        self._is_number = [isinstance(feature, RangedFeature) for feature in contract.features]
        self.names = ColumnNames(self._names)
        self._most_columns = 2 * len(self._features) + MOST_OTHER_COLUMNS

    def read(self, cells: Sequence[str], line: int = 1, options: Options = PLAIN) -> CsvHeader:
        """Return the header with these cells on this line; raise Problem 422 for wrong columns."""
        if len(cells) > self._most_columns:
            message = f"Too many columns: at most {self._most_columns} are read."
            raise invalid_rows("extra_forbidden", ["line", line], message)
        names = [name.strip() for name in cells]
        column_of: dict[int, int] = {}
        twins, others = [], []
        for column, name in enumerate(names):
            number = self.names.find(name)
            if number is None:
                others.append(column)
            elif column_of.setdefault(number, column) != column:
                twins.append((column_of[number], column, self._names[number][0]))
        target, *ids = (column_of.pop(len(self._features) + number, None) for number in range(1 + self._ids))
        if not column_of or not self._required <= column_of.keys():
            raise self._missing_columns(names, column_of, line)
        kept = tuple(_find_kept(name, names) for name in options.keep)
        ignored = tuple(_describe(names, column) for column in others if column not in kept)
        if options.strict and ignored:
            message = f"Unknown columns, which strict=true refuses: {list_some(ignored)}."
            raise invalid_rows("extra_forbidden", ["line", line], message)
        features = [column_of.get(number) for number in range(len(self._features))]
        numbers = (column for number, column in column_of.items() if self._is_number[number])
        keys = (
            names_of_one[0] if column is None or names[column] not in names_of_one else names[column]
            for column, names_of_one in zip(features, self._names, strict=False)
        )
        return CsvHeader(
            names, features, target, tuple(keys), tuple(numbers), tuple(twins), tuple(ids), kept, ignored
        )

    def _missing_columns(self, names: Sequence[str], known: Iterable[int], line: int) -> Problem:
        """Return the Problem that names the columns that are missing, and the likely cause."""
        if not names:
            return invalid_rows("missing", ["line", line], "The file is empty.")
        missing = [self._features[number] for number in sorted(self._required - {*known})]
        if not {*known}:
            return invalid_rows("missing", ["line", line], f"{_cause(names)} {self._expected()}")
        words = f"column {missing[0]} is" if len(missing) == 1 else f"columns {list_some(missing)} are"
        return invalid_rows("missing", ["line", line, missing[0]], f"The {words} missing.")

    def _expected(self) -> str:
        return f"The features are: {list_some(self._features)}."


def _cause(names: Sequence[str]) -> str:
    """Say why no column may be known."""
    if any(_is_number(name) for name in names):
        return "The first line must be a header with the names of the columns; it has values."
    if len(names) == 1:
        return "The first line has one column, and no known one; comma, semicolon, tab and | delimit columns."
    return "The first line has no known column."


def _is_number(text: str) -> bool:
    return text.lstrip("+-").replace(".", "", 1).isdigit()


def _find_kept(name: str, names: Sequence[str]) -> int:
    """Return the column to repeat; raise Problem 422 if there is none."""
    if name not in names:
        message = f"The column {clean_name(name)}, which keep= names, is missing."
        raise invalid_rows("missing", [], message)
    return names.index(name)


def _describe(names: Sequence[str], column: int) -> str:
    return clean_name(names[column]) or f"column {column + 1} (no name)"
