"""Derived features: columns of the matrix that are computed from the features that a request holds."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from app.core.base_feature import Frozen, Missing
from app.core.datetime_feature import DatetimeFeature
from app.core.expressions import Columns, ExpressionError, Kind, Term, parse_expression
from app.core.features import (
    LARGEST_NUMBER,
    BooleanFeature,
    CategoryFeature,
    Feature,
    IntegerFeature,
    NumberFeature,
    OpenCategoryFeature,
    RangedFeature,
    check_names,
)
from app.core.instants import CALENDAR, SECONDS_PER_DAY, days_between
from app.core.operations import Column
from app.core.values import Matrix

ReadByExpressions = IntegerFeature | NumberFeature | CategoryFeature | BooleanFeature | DatetimeFeature
Compute = Callable[[Columns], Column]
Codes = npt.NDArray[np.float64]
"""[N, features], as Encoder makes them of rows."""


class Derived(Frozen):
    """A named expression over features, and over the derived features before it."""

    name: str = Field(min_length=1)
    expression: str = Field(min_length=1)
    title: str | None = Field(default=None, min_length=1)
    """Default: the name."""
    unit: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    def as_feature(self, term: Term) -> Feature:
        """Return the description of its column."""
        about: dict[str, Any] = {
            "name": self.name,
            "title": self.title or self.name,
            "unit": self.unit,
            "missing": Missing() if term.may_be_missing else None,
        }
        if term.kind == "boolean":
            return BooleanFeature(type="boolean", example=True, **about)
        limits: dict[str, Any] = {"minimum": -LARGEST_NUMBER, "maximum": LARGEST_NUMBER}
        return NumberFeature(type="number", example=0, **limits, **about)


class ComputedColumns:
    """Computes the matrix that the model reads from the codes of features, in training and serving.

    Whole columns are computed in float64. Each lies in one piece, so that NumPy takes the same way for one
    row as for many.
    """

    def __init__(self, features: Sequence[Feature], derived: Sequence[Derived]) -> None:
        """Raise ValueError with the name of the derived feature whose expression is wrong."""
        computed: dict[str, Compute] = {}
        columns: list[Feature] = []
        for feature in features:
            made = _columns_made_of(feature)
            computed |= {column.name: compute for column, compute in made}
            columns += [column for column, _ in made] or [feature]
        terms = {
            feature.name: _term(feature)
            for feature in features
            if not isinstance(feature, OpenCategoryFeature)
        }
        for one in derived:
            try:
                expression = parse_expression(one.expression, terms)
            except ExpressionError as error:
                raise ValueError(f"derived.{one.name}.expression: {error}") from error
            computed[one.name] = expression.compute
            terms[one.name] = Term(expression.kind, partial(_read, one.name), expression.may_be_missing)
            columns.append(one.as_feature(expression))
        self.columns = tuple(columns)
        """Of the matrix, described as features are."""
        self._computed = [
            (position, column.name, computed[column.name], _missing_code(column))
            for position, column in enumerate(columns)
            if column.name in computed
        ]
        self._decoders = {
            feature.name: (position, _missing_code(feature)) for position, feature in enumerate(features)
        }
        self._uncomputed = [i for i, column in enumerate(columns) if column.name not in computed]
        self._plain = [i for i, feature in enumerate(features) if not _columns_made_of(feature)]

    @property
    def is_needed(self) -> bool:
        """Whether the matrix has other columns than the codes of the features."""
        return bool(self._computed)

    def __call__(self, codes: Codes) -> Matrix:
        """Return float32 [N, columns]; a number that float32 can't hold is missing."""
        by_feature = np.ascontiguousarray(codes.T)
        matrix = np.empty((len(self.columns), len(codes)))
        matrix[self._uncomputed] = by_feature[self._plain]
        values = _Values(by_feature, self._decoders)
        with np.errstate(all="ignore"):
            for position, name, compute, missing_code in self._computed:
                values[name] = column = compute(values)
                if missing_code is not None:
                    column = np.where(np.isnan(column), missing_code, column)
                matrix[position] = column
            result = np.ascontiguousarray(matrix.T, np.float32)
        result[np.isinf(result)] = np.nan
        return result


class _Values(dict[str, Column]):
    """The columns by name; that of a feature is decoded when an expression first reads it."""

    def __init__(self, by_feature: Column, decoders: Mapping[str, tuple[int, float | None]]) -> None:
        super().__init__()
        self._by_feature = by_feature
        self._decoders = decoders

    def __missing__(self, name: str) -> Column:
        position, missing_code = self._decoders[name]
        column: Column = self._by_feature[position]
        if missing_code is not None:
            column = np.where(column == missing_code, np.nan, column)
        self[name] = column
        return column


@lru_cache(maxsize=8)
def compute_columns(features: tuple[Feature, ...], derived: tuple[Derived, ...]) -> ComputedColumns:
    """Return the columns of a spec or a contract; raise ValueError for wrong names or expressions."""
    check_names([*features, *derived])
    columns = ComputedColumns(features, derived)
    check_names(columns.columns)
    return columns


def _term(feature: ReadByExpressions) -> Term:
    """Return what an expression reads by the feature's name."""
    kind: Kind = "number" if isinstance(feature, RangedFeature) else feature.type
    return Term(kind, partial(_read, feature.name), feature.missing is not None, feature.levels)


def _columns_made_of(feature: Feature) -> list[tuple[Feature, Compute]]:
    """Return the columns that the model reads in place of a feature, each with what computes it."""
    if isinstance(feature, DatetimeFeature):
        return [(_describe_part(feature, part), _part(feature, part)) for part in feature.parts]
    if isinstance(feature, RangedFeature) and feature.is_scaled:
        return [(_describe_scaled(feature), lambda columns: _scale(feature, columns[feature.name]))]
    return []


def _scale(feature: RangedFeature, column: Column) -> Column:
    return (column - feature.offset) / feature.scale


def _describe_scaled(feature: RangedFeature) -> Feature:
    low, high = ((end - feature.offset) / feature.scale for end in (feature.minimum, feature.maximum))
    return NumberFeature(
        type="number",
        name=f"{feature.name}.scaled",
        title=f"{feature.title}, scaled",
        missing=Missing() if feature.missing else None,
        minimum=max(low, -LARGEST_NUMBER),
        maximum=min(high, LARGEST_NUMBER),
        example=(feature.example - feature.offset) / feature.scale,
    )


def _describe_part(feature: DatetimeFeature, part: str) -> Feature:
    about: dict[str, Any] = {
        "name": f"{feature.name}.{part}",
        "title": f"{feature.title}, {part}",
        "missing": Missing() if feature.missing else None,
    }
    if part in CALENDAR:
        _, minimum, maximum = CALENDAR[part]
        return IntegerFeature(type="integer", minimum=minimum, maximum=maximum, example=minimum, **about)
    low, high = ((end - feature.first_day) / SECONDS_PER_DAY for end in feature.range)
    return NumberFeature(type="number", unit="days", minimum=low, maximum=high, example=low, **about)


def _part(feature: DatetimeFeature, part: str) -> Compute:
    """Return what computes a part from the columns by name."""
    if part in CALENDAR:
        compute = CALENDAR[part][0]
        return lambda columns: compute(columns[feature.name])
    first_day = np.array(feature.first_day)
    return lambda columns: days_between(first_day, columns[feature.name])


def _read(name: str, columns: Columns) -> Column:
    return columns[name]


def _missing_code(feature: Feature) -> float | None:
    """Return the code of a missing category or boolean; a missing number is NaN already."""
    if feature.missing is None or not feature.is_categorical:
        return None
    return feature.codes[None]
