"""Columns of cells, as text files have them → the float32 matrix that the model reads."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import inf, isnan, nan
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic_core import from_json

from app.core.features import (
    BOOLEANS,
    BooleanFeature,
    CategoryFeature,
    DatetimeFeature,
    Feature,
    IntegerFeature,
    RangedFeature,
)

Column = Sequence[str]
Numbers = npt.NDArray[np.float64]

REFUSED = inf  # stands for a cell that is not accepted; a missing value is NaN
SIGNS_OF_NUMBERS = b"0123456789.+-eE"


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

    def __call__(self, columns: Sequence[Column]) -> tuple[npt.NDArray[Any], list[int]]:
        """Return [N, features] in the dtype, and the positions of the rows that are refused, in their order.

        The columns stand in the order of the features, and have one cell at least. A refused cell is NaN.
        """
        codes = np.array([read(column) for read, column in zip(self._readers, columns, strict=True)])
        refused = (codes < self._minimum) | (codes > self._maximum)  # NaN is neither
        refused |= self._is_integer & (np.floor(codes) < codes)
        rows: list[int] = []
        if refused.any():
            rows = np.flatnonzero(refused.any(axis=0)).tolist()
            codes[refused] = nan  # float32 may not hold it
        return np.ascontiguousarray(codes.T, self._dtype), rows


def _reader(feature: Feature) -> "_Reader":
    match feature:
        case RangedFeature():
            return _NumberReader(feature)
        case DatetimeFeature():
            return _InstantReader(feature)
    return _LevelReader(feature)


def _range(feature: Feature) -> tuple[float, float]:
    """Return the least and the largest number that is accepted."""
    if isinstance(feature, DatetimeFeature):
        return feature.range
    if isinstance(feature, RangedFeature):
        return feature.minimum, feature.maximum
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


class _LevelReader(_Reader):
    """A level is its code."""

    def __init__(self, feature: CategoryFeature | BooleanFeature) -> None:
        self._feature = feature
        spellings = [spell(text) for text in BOOLEANS for spell in (str.lower, str.upper, str.capitalize)]
        texts = ["", *spellings, *(value for value in feature.codes if isinstance(value, str))]
        self._codes = {text: self._read(text) for text in texts}

    def _read_at_once(self, column: Column) -> Numbers | None:
        try:
            return np.fromiter(map(self._codes.__getitem__, column), float, len(column))
        except KeyError:
            return None

    def _read(self, cell: str) -> float:
        return self._feature.codes.get(self._feature.from_text(cell), REFUSED)


class _InstantReader(_Reader):
    """A date is its seconds; each of its texts is read once."""

    def __init__(self, feature: DatetimeFeature) -> None:
        self._feature = feature

    def _read_at_once(self, column: Column) -> Numbers:
        seconds = {cell: self._read(cell) for cell in set(column)}
        return np.fromiter(map(seconds.__getitem__, column), float, len(column))

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
