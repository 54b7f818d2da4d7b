"""What rows carry beside their features: their time, their group and their weight.

The model reads none of it. The columns need not be features, so they travel beside them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from app.core.column_names import ColumnNames
from app.core.contract import Positions, Target
from app.core.datetime_feature import DatetimeFeature
from app.core.features import Feature
from app.core.instants import read_instant
from model_build.errors import DataError
from model_build.spec.model_spec import ModelSpec
from model_build.spec.split import Split
from model_build.text import pluralize

Numbers = npt.NDArray[np.float64]


class RowSections(NamedTuple):
    """The sections of a spec that say what a row is."""

    features: tuple[Feature, ...]
    target: Target
    split: Split
    weight: str | None

    @classmethod
    def of(cls, spec: ModelSpec) -> Self:
        return cls(spec.features, spec.target, spec.split, spec.weight)


@dataclass(frozen=True)
class Carried:
    """Arrays with a value for each row, or None where the spec names no such column."""

    times: Numbers | None = None
    """Seconds since 1970, or the numbers of the column."""
    groups: Positions | None = None
    """Equal numbers are one group."""
    weights: Numbers | None = None

    def take(self, positions: Positions) -> Self:
        return type(self)(**{name: _take(values, positions) for name, values in vars(self).items()})

    def __add__(self, other: Self) -> Self:
        pairs = {name: (values, getattr(other, name)) for name, values in vars(self).items()}
        return type(self)(
            **{
                name: None if one is None else np.concatenate([one, more])
                for name, (one, more) in pairs.items()
            }
        )


def _take(values: "npt.NDArray[Any] | None", positions: Positions) -> "npt.NDArray[Any] | None":
    return None if values is None else values[positions]


NOTHING = Carried()


def carried_columns(spec: ModelSpec) -> dict[str, tuple[str, ...]]:
    """Return the columns that are no features, each with the names that it may have in a file."""
    names_of_ids = {name: one.names for one in spec.ids for name in one.names}
    names = filter(None, (spec.split.by, spec.split.groups, spec.weight))
    return {name: names_of_ids.get(name, (name,)) for name in names if not _find(spec.features, name)}


def _find(features: Sequence[Feature], name: str) -> Feature | None:
    """Return the feature of a column; None if it is no feature."""
    number = ColumnNames([feature.names for feature in features]).find(name)
    return None if number is None else features[number]


def read_carried(frame: pd.DataFrame, sections: RowSections) -> Carried:
    """Return what clean rows carry.

    Raises:
        DataError: a value is missing, a time is no time, or a weight is no number above 0.
    """
    split, weight = sections.split, sections.weight
    columns = {
        key: _column(frame, sections.features, name, key)
        for key, name in (("split.by", split.by), ("split.groups", split.groups), ("weight", weight))
        if name
    }
    times, groups, weights = (columns.get(key) for key in ("split.by", "split.groups", "weight"))
    return Carried(
        times=None if times is None else _read_times(times, _find(sections.features, split.by or "")),
        groups=None if groups is None else pd.factorize(groups)[0],
        weights=None if weights is None else _read_weights(weights),
    )


def column_of(frame: pd.DataFrame, features: Sequence[Feature], name: str) -> "pd.Series[Any]":
    """Return a column of clean rows, which may be that of a feature."""
    feature = _find(features, name)
    return frame[feature.name if feature else name]


def _column(frame: pd.DataFrame, features: Sequence[Feature], name: str, key: str) -> "pd.Series[Any]":
    column = column_of(frame, features, name)
    missing = column.index[column.isna()]
    if len(missing):
        raise DataError(
            f"{name} is missing in {pluralize(len(missing), 'row')}, the first of which is row "
            f"{missing[0]:,}, and {key} needs it. Fill it in, or remove the rows."
        )
    return column


def _read_times(column: "pd.Series[Any]", feature: Feature | None) -> Numbers:
    values = column.to_numpy(object).tolist()
    read = feature.read if isinstance(feature, DatetimeFeature) else read_instant
    numbers = [_to_number(value) for value in values]
    if None in numbers:
        numbers = [read(value) if isinstance(value, str) else None for value in values]
    _require(column, numbers, "neither a number nor a date in ISO 8601")
    return np.array(numbers, np.float64)


def _read_weights(column: "pd.Series[Any]") -> Numbers:
    numbers = [_to_number(value) for value in column.to_numpy(object).tolist()]
    _require(column, [number if number and number > 0 else None for number in numbers], "no number above 0")
    return np.array(numbers, np.float64)


def _require(column: "pd.Series[Any]", numbers: Sequence[float | None], words: str) -> None:
    """Raise DataError for the first value that has no number."""
    wrong = [position for position, number in enumerate(numbers) if number is None]
    if wrong:
        first = wrong[0]
        more = f" ({len(wrong) - 1:,} more)" if len(wrong) > 1 else ""
        raise DataError(
            f"Row {column.index[first]:,}: {column.name} is {column.iloc[first]!r}, which is {words}{more}"
        )


def _to_number(value: Any) -> float | None:
    if isinstance(value, str) and (not value.isascii() or "_" in value):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None
