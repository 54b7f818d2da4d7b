"""The columns of a file as the spec reads them: values, missing cells and invalid cells."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from app.core.contract import Target
from app.core.datetime_feature import DatetimeFeature
from app.core.derived import compute_columns
from app.core.features import Feature, IntegerFeature, OpenCategoryFeature, RangedFeature
from model_build.data import dataset
from model_build.errors import DataError
from model_build.origin import Origin
from model_build.spec.model_spec import ModelSpec
from model_build.text import format_number

WHISKER = 1.5  # interquartile ranges beyond the quartiles, as in Tukey's box plot
BANDS = 10
SHOWN_TEXTS = 20
"""Of an open category, the most frequent ones."""
OTHER_TEXTS = "(all others)"
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
    """What `dataset.clean` made of the text; None is missing."""
    values: pd.Series
    """float64, or categorical in the order of the spec; NaN where the cell is missing or invalid."""

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
    def invalid(self) -> pd.Series:
        """The cells that are neither missing nor a value that the feature allows."""
        return self.cells[self.values.isna() & ~self.missing]

    @cached_property
    def common(self) -> float | None:
        """The number in more than half of the known cells, but not in all; None if there is none."""
        counts = self.known.value_counts()[:1] if self.is_number else {}
        total = len(self.known)
        return next((float(value) for value, rows in counts.items() if total / 2 < rows < total), None)

    @cached_property
    def bands(self) -> pd.Series:
        """The band of each known number.

        Bands have equally many rows, as far as ties allow. A common value has band 0.
        """
        values = self.known[self.known != self.common]
        bands = pd.Series(0, self.known.index)
        bands[values.index] = np.ceil(values.rank(pct=True) * BANDS).astype(int)
        return bands


@dataclass(frozen=True)
class Outliers:
    """The numbers beyond the whiskers of a box plot."""

    low: float
    high: float
    below: int
    above: int
    extremes: dict[float, tuple[int, ...]]
    """The values farthest from the median, the farthest first, each with its row numbers."""

    @property
    def count(self) -> int:
        return self.below + self.above


@dataclass(frozen=True)
class DataProfile:
    """The whole file."""

    features: tuple[ColumnProfile, ...]
    target: ColumnProfile
    cells: pd.DataFrame
    """Clean values of all columns, before any row is dropped."""
    unknown: tuple[str, ...]
    """Columns of the file that the spec does not name."""

    @property
    def columns(self) -> tuple[ColumnProfile, ...]:
        return (*self.features, self.target)

    @cached_property
    def duplicates(self) -> int:
        """Rows that repeat an earlier row in every column."""
        return int(self.cells.duplicated().sum())

    @cached_property
    def contradictions(self) -> int:
        """Rows that agree with another row in every feature, but not in the target."""
        features = [name for name in self.cells if name != self.target.name]
        labels = self.cells.groupby(features, sort=False, dropna=False)[self.target.name]
        return int((labels.transform("nunique") > 1).sum())

    @property
    def missing(self) -> int:
        """Missing cells of the features."""
        return sum(int(column.missing.sum()) for column in self.features)

    @property
    def invalid(self) -> int:
        """Invalid cells of the features and the target."""
        return sum(len(column.invalid) for column in self.columns)

    @property
    def numbers(self) -> tuple[ColumnProfile, ...]:
        return tuple(column for column in self.features if column.is_number)


def profile_columns(spec: ModelSpec, raw: pd.DataFrame, origin: Origin) -> DataProfile:
    """Return the profile of all rows of the file; the index of `raw` holds their numbers.

    Raises:
        DataError: a column is absent or appears twice, or there are no rows.
    """
    if raw.empty:
        raise DataError(f"{origin.uri} has no rows.")
    cleaning = spec.data.model_copy(update={"drop_duplicates": False})
    cells, report = dataset.clean(
        raw, spec.model_copy(update={"data": cleaning}), origin.uri, origin.test_from
    )
    features = _feature_columns(spec, cells)
    return DataProfile(features, _target(spec.target, cells[spec.target.name]), cells, report.unknown_columns)


def find_outliers(column: ColumnProfile, examples: int) -> Outliers:
    """Return the numbers beyond the whiskers, with at most this many of the most extreme values."""
    first, median, third = column.known.quantile([0.25, 0.5, 0.75])
    reach = WHISKER * (third - first)
    low, high = first - reach, third + reach
    beyond = column.known[(column.known < low) | (column.known > high)]
    farthest = sorted(beyond.unique(), key=lambda value: abs(value - median), reverse=True)[:examples]
    extremes = {float(value): tuple(beyond.index[beyond == value]) for value in farthest}
    return Outliers(low, high, int((beyond < low).sum()), int((beyond > high).sum()), extremes)


def _column(feature: Feature, cells: pd.Series) -> ColumnProfile:
    if isinstance(feature, RangedFeature):
        allowed, values = _numbers(feature, cells)
    elif feature.type == "boolean":
        allowed, values = "true or false", _categories(cells.map(TRUTH_NAMES), feature.levels)
    elif isinstance(feature, OpenCategoryFeature):
        allowed, values = "any text", _most_frequent(cells)
    else:
        allowed, values = ", ".join(feature.levels), _categories(cells, feature.levels)
    return ColumnProfile(feature.name, feature.title, feature.unit, feature.type, allowed, cells, values)


def _feature_columns(spec: ModelSpec, cells: pd.DataFrame) -> tuple[ColumnProfile, ...]:
    """Return the columns that the model reads, those that are computed included."""
    profiles = {
        feature.name: _column(feature, cells[feature.name])
        for feature in spec.features
        if not isinstance(feature, DatetimeFeature)
    }
    compute = compute_columns(spec.features, spec.derived)
    if compute.is_needed:
        matrix = compute(_codes(spec, profiles, cells))
        origins = _origins(spec)
        for feature, numbers in zip(spec.columns, matrix.T.astype(float), strict=True):
            if feature.name in origins:
                profiles[feature.name] = _computed(feature, numbers, *origins[feature.name], cells)
    return tuple(profiles[column.name] for column in spec.columns)


def _origins(spec: ModelSpec) -> dict[str, tuple[str, str | None]]:
    """Return how each computed column is made, and the column of dates that it is a part of."""
    origins: dict[str, tuple[str, str | None]] = {
        f"{feature.name}.{part}": (feature.describe(), feature.name)
        for feature in spec.features
        if isinstance(feature, DatetimeFeature)
        for part in feature.parts
    }
    origins |= {
        f"{feature.name}.scaled": (f"({feature.name} - {feature.offset:.15g}) / {feature.scale:.15g}", None)
        for feature in spec.features
        if isinstance(feature, RangedFeature) and feature.is_scaled
    }
    return origins | {derived.name: (derived.expression, None) for derived in spec.derived}


def _computed(
    feature: Feature, numbers: npt.NDArray[np.float64], made: str, dates: str | None, cells: pd.DataFrame
) -> ColumnProfile:
    """Return a computed column. Invalid cells make it missing, but a wrong date is invalid itself."""
    values = pd.Series(numbers, cells.index)
    if feature.is_categorical:
        values = _categories(values.map(dict(enumerate(feature.levels))), feature.levels)
    shown = values.astype(object).where(values.notna(), None if dates is None else cells[dates])
    return ColumnProfile(feature.name, feature.title, feature.unit, feature.type, made, shown, values)


def _codes(
    spec: ModelSpec, profiles: Mapping[str, ColumnProfile], cells: pd.DataFrame
) -> npt.NDArray[np.float64]:
    """Return the codes [N, features]; a missing or an invalid value is missing."""
    columns = [
        [feature.encode(cell) if feature.accepts(cell) else np.nan for cell in cells[feature.name]]
        if isinstance(feature, DatetimeFeature)
        else _codes_of_values(profiles[feature.name].values)
        for feature in spec.features
    ]
    return np.array(columns, np.float64).T


def _codes_of_values(values: pd.Series) -> npt.NDArray[np.float64]:
    if not isinstance(values.dtype, pd.CategoricalDtype):
        return np.asarray(values, np.float64)
    codes = np.asarray(values.cat.codes, np.float64)
    return np.where(codes < 0, np.nan, codes)


def _target(target: Target, cells: pd.Series) -> ColumnProfile:
    values = _categories(cells, target.labels)
    return ColumnProfile(target.name, target.name, None, "target", ", ".join(target.labels), cells, values)


def _categories(names: pd.Series, levels: Collection[str]) -> pd.Series:
    return pd.Series(pd.Categorical(names.where(names.isin(levels)), levels), names.index)


def _most_frequent(cells: pd.Series) -> pd.Series:
    """Return the most frequent texts as categories, and one for all others."""
    shown = cells.value_counts().index[:SHOWN_TEXTS].tolist()
    names = cells.where(cells.isin(shown) | cells.isna(), OTHER_TEXTS)
    return _categories(names, list(dict.fromkeys([*shown, OTHER_TEXTS])))


def _numbers(feature: RangedFeature, cells: pd.Series) -> tuple[str, pd.Series]:
    """Return the allowed numbers in words, and the values of the cells."""
    values = pd.to_numeric(cells, errors="coerce").astype(float)
    is_allowed = values.between(feature.minimum, feature.maximum)
    limits = f"from {format_number(feature.minimum)} to {format_number(feature.maximum)}"
    if isinstance(feature, IntegerFeature):
        return f"whole numbers {limits}", values.where(is_allowed & (values % 1 == 0))
    return f"numbers {limits}", values.where(is_allowed)
