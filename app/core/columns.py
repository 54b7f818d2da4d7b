"""Columns of cells, as text files have them → the float32 matrix that the model reads."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import inf, isnan, nan
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic_core import from_json

from app.core.datetime_feature import DatetimeFeature
from app.core.features import (
    BooleanFeature,
    CategoryFeature,
    Feature,
    IntegerFeature,
    OpenCategoryFeature,
    RangedFeature,
    coder,
)
from app.core.replacements import Replaced

Column = Sequence[str]
Numbers = npt.NDArray[np.float64]

REFUSED = inf  # stands for a cell that is not accepted; a missing value is NaN
UNKNOWN = -inf  # stands for a cell with a category that is not declared, where another value is read for it
SIGNS_OF_NUMBERS = b"0123456789.+-eE"


class Encoded(NamedTuple):
    """Columns of cells as numbers."""

    codes: npt.NDArray[Any]
    """[N, features]; a refused cell is NaN."""
    refused: list[int]
    """The positions of the rows that are refused, in their order."""
    replaced: Replaced


class ColumnEncoder:
    """Accepts cells as RowValidator accepts their values, and encodes these as Encoder does.

    Most cells take one lookup, or are some of many numbers that are parsed at once. Only columns with cells
    of another kind, such as `+39` or wrong ones, are read cell by cell.
    """

    def __init__(self, features: Sequence[Feature], dtype: type[np.floating[Any]] = np.float32) -> None:
        self._dtype = dtype
        self._readers = [*map(_reader, features)]
        self._minimum, self._maximum = np.array([*map(_range, features)], float).T[:, :, np.newaxis]
        self._is_integer = np.array([[isinstance(feature, IntegerFeature)] for feature in features])
        self._names = [feature.name for feature in features]
        self._absent = [_absent_code(feature) for feature in features]
        self._code_of_unknown = {
            position: feature.codes[feature.unknown_level]
            for position, feature in enumerate(features)
            if isinstance(feature, CategoryFeature) and feature.may_replace
        }
        self._clipped = [
            position
            for position, feature in enumerate(features)
            if isinstance(feature, RangedFeature) and feature.may_replace
        ]
        self._may_replace = bool(self._code_of_unknown or self._clipped)

    def __call__(self, columns: Sequence[Column | None]) -> Encoded:
        """Return the cells of the columns, which stand in the order of the features, as numbers.

        None stands for a column that is absent; another one has one cell at least.
        """
        count = len(next(column for column in columns if column is not None))
        codes = np.array(
            [
                np.full(count, absent) if column is None else read(column)
                for read, absent, column in zip(self._readers, self._absent, columns, strict=True)
            ]
        )
        refused = self._is_integer & (np.floor(codes) < codes)
        replaced = Replaced()
        if self._may_replace or None in columns:
            replaced = self._replace(codes)
            replaced.update(
                {
                    (name, "default"): count
                    for name, column in zip(self._names, columns, strict=True)
                    if column is None
                }
            )
        refused |= (codes < self._minimum) | (codes > self._maximum)  # NaN is neither
        rows: list[int] = []
        if refused.any():
            rows = np.flatnonzero(refused.any(axis=0)).tolist()
            codes[refused] = nan  # float32 may not hold it
        return Encoded(np.ascontiguousarray(codes.T, self._dtype), rows, replaced)

    def _replace(self, codes: Numbers) -> Replaced:
        """Put what the model reads in the place of unknown categories and of numbers outside their range."""
        replaced: Replaced = Replaced()
        for position, code in self._code_of_unknown.items():
            is_unknown = codes[position] == UNKNOWN
            replaced[self._names[position], "unknown"] += int(is_unknown.sum())
            codes[position, is_unknown] = code
        for position in self._clipped:
            column, low, high = codes[position], self._minimum[position], self._maximum[position]
            is_outside = np.isfinite(column) & ((column < low) | (column > high))
            replaced[self._names[position], "outside"] += int(is_outside.sum())
            codes[position, is_outside] = np.clip(column[is_outside], low, high)
        return +replaced


def _absent_code(feature: Feature) -> float:
    """Return what stands for the feature where it has no column; refused, if it needs one."""
    return REFUSED if feature.absent is None else coder(feature)(feature.absent.value)


def _reader(feature: Feature) -> "_Reader":
    match feature:
        case RangedFeature():
            return _NumberReader(feature)
        case DatetimeFeature():
            return _InstantReader(feature)
        case OpenCategoryFeature():
            return _OpenReader(feature)
    return _LevelReader(feature)


def _range(feature: Feature) -> tuple[float, float]:
    """Return the least and the largest number that is accepted."""
    if isinstance(feature, DatetimeFeature):
        return feature.range
    if isinstance(feature, RangedFeature):
        return feature.minimum, feature.maximum
    if isinstance(feature, OpenCategoryFeature):
        return 0, feature.buckets
    return 0, len(feature.codes)


class _Reader(ABC):
    """Reads the cells of a feature as numbers."""

    def __call__(self, column: Column) -> Numbers:
        numbers = self._read_at_once(column)
        if numbers is None:
            numbers = self._read_at_once([*map(str.strip, column)])
        return np.fromiter(map(self._read, column), float, len(column)) if numbers is None else numbers

    @abstractmethod
    def _read_at_once(self, column: Column) -> Numbers | None:
        """Return None if there is a cell of another kind than most cells are."""

    @abstractmethod
    def _read(self, cell: str) -> float: ...

    def _read_distinct(self, column: Column) -> Numbers:
        """Read each of the different cells once."""
        numbers = {cell: self._read(cell) for cell in set(column)}
        return np.fromiter(map(numbers.__getitem__, column), float, len(column))


class _LevelReader(_Reader):
    """A level is its code."""

    def __init__(self, feature: CategoryFeature | BooleanFeature) -> None:
        self._feature = feature
        words = feature.meanings if isinstance(feature, BooleanFeature) else ()
        spellings = [spell(text) for text in words for spell in (str.lower, str.upper, str.capitalize)]
        texts = ["", *spellings, *(value for value in feature.codes if isinstance(value, str))]
        self._codes = {text: self._read(text) for text in texts}

    def _read_at_once(self, column: Column) -> Numbers | None:
        if self._feature.may_replace:  # then many cells may be none of the usual ones
            return self._read_distinct(column)
        try:
            return np.fromiter(map(self._codes.__getitem__, column), float, len(column))
        except KeyError:
            return None

    def _read(self, cell: str) -> float:
        value = self._feature.from_text(cell)
        code = self._feature.codes.get(value)
        if code is not None:
            return code
        return REFUSED if self._feature.replace(value) is None else UNKNOWN


class _OpenReader(_Reader):
    """A text is its bucket."""

    def __init__(self, feature: OpenCategoryFeature) -> None:
        self._feature = feature

    def _read_at_once(self, column: Column) -> Numbers:
        return self._read_distinct(column)

    def _read(self, cell: str) -> float:
        value = self._feature.from_text(cell)
        if not self._feature.accepts(value):
            return REFUSED
        return self._feature.encode(None if value is None else str(value))


class _InstantReader(_Reader):
    """A date is its seconds."""

    def __init__(self, feature: DatetimeFeature) -> None:
        self._feature = feature

    def _read_at_once(self, column: Column) -> Numbers:
        return self._read_distinct(column)

    def _read(self, cell: str) -> float:
        value = self._feature.from_text(cell)
        if value is None:
            return nan
        seconds = self._feature.read(value) if isinstance(value, str) else None
        return REFUSED if seconds is None else seconds


class _NumberReader(_Reader):
    """A number is itself, whatever its range."""

    def __init__(self, feature: RangedFeature) -> None:
        self._feature = feature
        markers = feature.missing.markers if feature.missing else ()
        self._missing = {text for text in ("", *markers) if feature.from_text(text) is None}

    def _read_at_once(self, column: Column) -> Numbers | None:
        if not self._missing or self._missing.isdisjoint(column):
            return _parse(column)
        numbers = _parse(["0" if cell in self._missing else cell for cell in column])
        if numbers is not None:
            numbers[[cell in self._missing for cell in column]] = nan
        return numbers

    def _read(self, cell: str) -> float:
        value = self._feature.from_text(cell)
        if value is None:
            return nan
        return value if isinstance(value, float) and not isnan(value) else REFUSED


def _parse(column: Column) -> Numbers | None:
    """Return the numbers of cells that are all written as JSON has them, in a third of the time of float().

    None if a cell is anything else: the signs are checked because JSON has other values than numbers, and a
    cell may hold a comma.
    """
    text = ",".join(column).encode(errors="replace")
    if text.translate(None, SIGNS_OF_NUMBERS) != b"," * (len(column) - 1):
        return None
    try:
        return np.fromiter(from_json(b"[%b]" % text), float, len(column))
    except (ValueError, OverflowError):  # such as .5, or an integer of 400 digits
        return None
