"""Derived features: columns of the matrix that are computed from the features that a request holds."""

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from app.core.expressions import Columns, ExpressionError, Kind, Term, parse_expression
from app.core.features import (
    LARGEST_NUMBER,
    BooleanFeature,
    Feature,
    Frozen,
    Matrix,
    Missing,
    NumberFeature,
    RangedFeature,
    check_names,
)
from app.core.operations import Column

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
        self._expressions: dict[str, Term] = {}
        terms = {feature.name: _term(feature) for feature in features}
        columns = [*features]
        for one in derived:
            try:
                expression = parse_expression(one.expression, terms)
            except ExpressionError as error:
                raise ValueError(f"derived.{one.name}.expression: {error}") from error
            self._expressions[one.name] = expression
            terms[one.name] = Term(expression.kind, partial(_read, one.name), expression.may_be_missing)
            columns.append(one.as_feature(expression))
        self.columns = tuple(columns)
        """Of the matrix, described as features are."""

    @property
    def is_needed(self) -> bool:
        """Whether the matrix has other columns than the codes of the features."""
        return bool(self._expressions)

    def __call__(self, codes: Codes) -> Matrix:
        """Return float32 [N, columns]; a number that float32 can't hold is missing."""
        rows, width = codes.shape
        matrix = np.empty((len(self.columns), rows))
        matrix[:width] = codes.T
        values = {
            feature.name: _without_missing_code(feature, column)
            for feature, column in zip(self._features, matrix[:width], strict=True)
        }
        with np.errstate(all="ignore"):
            for position, (name, expression) in enumerate(self._expressions.items(), width):
                values[name] = np.broadcast_to(expression.compute(values), rows)
                matrix[position] = _with_missing_code(self.columns[position], values[name])
            result = np.ascontiguousarray(matrix.T, np.float32)
        result[np.isinf(result)] = np.nan
        return result


@lru_cache(maxsize=8)
def compute_columns(features: tuple[Feature, ...], derived: tuple[Derived, ...]) -> ComputedColumns:
    """Return the columns of a spec or a contract; raise ValueError for wrong names or expressions."""
    check_names([*features, *derived])
    return ComputedColumns(features, derived)


def _term(feature: Feature) -> Term:
    """Return what an expression reads by the feature's name."""
    kind: Kind = "category" if feature.type == "category" else "boolean"
    if isinstance(feature, RangedFeature):
        kind = "number"
    return Term(kind, partial(_read, feature.name), feature.missing is not None, feature.levels)


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
