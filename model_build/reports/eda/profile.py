"""The columns of a file as the spec reads them: values, missing cells, and cells that don't fit."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from app.core.contract import Target
from app.core.features import BooleanFeature, CategoryFeature, Feature, IntegerFeature, NumberFeature
from model_build.artifacts import Origin
from model_build.data import dataset
from model_build.errors import DataError
from model_build.spec.model_spec import ModelSpec
from model_build.text import format_number

WHISKER = 1.5  # interquartile ranges beyond the quartiles, as in Tukey's box plot
BANDS = 10
TRUTH_NAMES = {False: "false", True: "true"}


@dataclass(frozen=True)
class ColumnProfile:
    """One feature, or the target."""

    name: str
    title: str
    unit: str | None
    type: str
    allowed: str
    cells: pd.Series
    """What `data.clean` made of the text; None is missing."""
    values: pd.Series
    """float64, or categorical in the order of the spec; NaN where the cell is missing or doesn't fit."""

    @property
    def is_number(self) -> bool:
        return self.type in {"integer", "number"}

    @cached_property
    def known(self) -> pd.Series:
        return self.values.dropna()

    @property
    def missing(self) -> pd.Series:
        return self.cells.isna()

    @property
    def unfit(self) -> pd.Series:
        """The cells that are neither missing nor a value that the feature allows."""
        return self.cells[self.values.isna() & ~self.missing]

    @cached_property
    def common(self) -> float | None:
        """The number that more than half, but not all, of the known cells have; None if there is none."""
        counts = self.known.value_counts()[:1] if self.is_number else {}
        return next((float(value) for value, n in counts.items() if self._is_most(n)), None)

    def _is_most(self, rows: int) -> bool:
        return len(self.known) / 2 < rows < len(self.known)

    @cached_property
    def bands(self) -> pd.Series:
        """The band of each known number, of equally many rows where ties allow; a common value has band 0."""
        rest = self.known[self.known != self.common]
        codes = pd.Series(0, self.known.index)
        codes[rest.index] = np.ceil(rest.rank(pct=True) * BANDS).astype(int)
        return codes


@dataclass(frozen=True)
class Outliers:
    """The numbers beyond the whiskers of a box plot."""

    low: float
    high: float
    below: int
    above: int
    extremes: dict[float, tuple[int, ...]]
    """The values farthest from the median, the farthest first, with the numbers of their rows."""

    @property
    def count(self) -> int:
        return self.below + self.above


@dataclass(frozen=True)
class DataProfile:
    """The whole file."""

    features: tuple[ColumnProfile, ...]
    target: ColumnProfile
    cells: pd.DataFrame
    """Clean values of all of them, before anything is dropped."""
    unknown: tuple[str, ...]
    """Columns of the file that the spec does not name."""

    @property
    def columns(self) -> tuple[ColumnProfile, ...]:
        return (*self.features, self.target)

    @cached_property
    def duplicates(self) -> int:
        """Rows that repeat an earlier one in every column."""
        return int(self.cells.duplicated().sum())

    @cached_property
    def contradictions(self) -> int:
        """Rows that agree with another one in every feature, but not in the target."""
        features = [column.name for column in self.features]
        labels = self.cells.groupby(features, sort=False, dropna=False)[self.target.name]
        return int((labels.transform("nunique") > 1).sum())

    @property
    def missing(self) -> int:
        """Cells of the features."""
        return sum(int(column.missing.sum()) for column in self.features)

    @property
    def unfit(self) -> int:
        return sum(len(column.unfit) for column in self.columns)

    @property
    def numbers(self) -> tuple[ColumnProfile, ...]:
        return tuple(column for column in self.features if column.is_number)


def profile_columns(spec: ModelSpec, raw: pd.DataFrame, origin: Origin) -> DataProfile:
    """Return every row of the file.

    Raises:
        DataError: a column is absent, or there twice; or there are no rows.
    """
    if raw.empty:
        raise DataError(f"{origin.uri} has no rows.")
    cleaning = spec.data.model_copy(update={"drop_duplicates": False})
    cells, found = dataset.clean(raw, spec.model_copy(update={"data": cleaning}), origin.uri)
    features = tuple(_column(feature, cells[feature.name]) for feature in spec.features)
    return DataProfile(features, _target(spec.target, cells[spec.target.name]), cells, found.unknown_columns)


def outliers(column: ColumnProfile, examples: int) -> Outliers:
    """Return what lies beyond the whiskers, and so many of the most extreme values."""
    first, median, third = column.known.quantile([0.25, 0.5, 0.75])
    reach = WHISKER * (third - first)
    low, high = first - reach, third + reach
    beyond = column.known[(column.known < low) | (column.known > high)]
    farthest = sorted(beyond.unique(), key=lambda value: abs(value - median), reverse=True)[:examples]
    extremes = {float(value): tuple(beyond.index[beyond == value]) for value in farthest}
    return Outliers(low, high, int((beyond < low).sum()), int((beyond > high).sum()), extremes)


def _column(feature: Feature, cells: pd.Series) -> ColumnProfile:
    if isinstance(feature, CategoryFeature):
        allowed, values = ", ".join(feature.categories), _categories(cells, feature.categories)
    elif isinstance(feature, BooleanFeature):
        allowed, values = "true or false", _categories(cells.map(TRUTH_NAMES), TRUTH_NAMES.values())
    else:
        allowed, values = _numbers(feature, cells)
    return ColumnProfile(feature.name, feature.title, feature.unit, feature.type, allowed, cells, values)


def _target(target: Target, cells: pd.Series) -> ColumnProfile:
    values = _categories(cells, target.labels)
    return ColumnProfile(target.name, target.name, None, "target", ", ".join(target.labels), cells, values)


def _categories(names: pd.Series, allowed: Collection[str]) -> pd.Series:
    return pd.Series(pd.Categorical(names.where(names.isin(allowed)), allowed), names.index)


def _numbers(feature: IntegerFeature | NumberFeature, cells: pd.Series) -> tuple[str, pd.Series]:
    values = pd.to_numeric(cells, errors="coerce").astype(float)
    fits = values.between(feature.minimum, feature.maximum)
    limits = f"from {format_number(feature.minimum)} to {format_number(feature.maximum)}"
    if isinstance(feature, IntegerFeature):
        return f"whole numbers {limits}", values.where(fits & (values % 1 == 0))
    return f"numbers {limits}", values.where(fits)
