"""Derived features: columns of the matrix that are computed from the features that a request holds."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from app.core.expressions import Columns, ExpressionError, Kind, Term, parse_expression
from app.core.features import (
    LARGEST_NUMBER,
    BooleanFeature,
    DatetimeFeature,
    Feature,
    Frozen,
    IntegerFeature,
    Matrix,
    Missing,
    NumberFeature,
    RangedFeature,
    check_names,
)
from app.core.instants import CALENDAR, SECONDS_PER_DAY, days_between
from app.core.operations import Column

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
        self._features = features
        self._computed: dict[str, Compute] = {}
        columns: list[Feature] = []
        for feature in features:
            of_date = _parts(feature) if isinstance(feature, DatetimeFeature) else []
            self._computed |= {part.name: compute for part, compute in of_date}
            columns += [part for part, _ in of_date] or [feature]
        terms = {feature.name: _term(feature) for feature in features}
        for one in derived:
            try:
                expression = parse_expression(one.expression, terms)
            except ExpressionError as error:
                raise ValueError(f"derived.{one.name}.expression: {error}") from error
            self._computed[one.name] = expression.compute
            terms[one.name] = Term(expression.kind, partial(_read, one.name), expression.may_be_missing)
            columns.append(one.as_feature(expression))
        self.columns = tuple(columns)
        """Of the matrix, described as features are."""

    @property
    def is_needed(self) -> bool:
        """Whether the matrix has other columns than the codes of the features."""
        return bool(self._computed)

    def __call__(self, codes: Codes) -> Matrix:
        """Return float32 [N, columns]; a number that float32 can't hold is missing."""
        values = {
            feature.name: _without_missing_code(feature, column)
            for feature, column in zip(self._features, np.ascontiguousarray(codes.T), strict=True)
        }
        matrix = np.empty((len(self.columns), len(codes)))
        with np.errstate(all="ignore"):
            for name, compute in self._computed.items():
                values[name] = np.broadcast_to(compute(values), len(codes))
            for position, column in enumerate(self.columns):
                matrix[position] = _with_missing_code(column, values[column.name])
            result = np.ascontiguousarray(matrix.T, np.float32)
        result[np.isinf(result)] = np.nan
        return result


@lru_cache(maxsize=8)
def compute_columns(features: tuple[Feature, ...], derived: tuple[Derived, ...]) -> ComputedColumns:
    """Return the columns of a spec or a contract; raise ValueError for wrong names or expressions."""
    check_names([*features, *derived])
    columns = ComputedColumns(features, derived)
    check_names(columns.columns)
    return columns


def _term(feature: Feature) -> Term:
    """Return what an expression reads by the feature's name."""
    kind: Kind = "number" if isinstance(feature, RangedFeature) else feature.type
    return Term(kind, partial(_read, feature.name), feature.missing is not None, feature.levels)


def _parts(feature: DatetimeFeature) -> list[tuple[Feature, Compute]]:
    """Return the columns of a date, each with what computes it."""
    return [(_describe_part(feature, part), _part(feature, part)) for part in feature.parts]


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


def _without_missing_code(feature: Feature, column: Column) -> Column:
    """Return NaN in place of the code of a missing category or boolean."""
    if feature.missing is None or not feature.is_categorical:
        return column
    return np.where(column == feature.codes[None], np.nan, column)


def _with_missing_code(feature: Feature, column: Column) -> Column:
    if feature.missing is None or not feature.is_categorical:
        return column
    return np.where(np.isnan(column), feature.codes[None], column)
