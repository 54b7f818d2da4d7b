"""Cells that are not what the spec says: found by pandera, described in sentences, left out of columns."""

from collections import Counter
from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from app.core.features import BooleanFeature, CategoryFeature, Feature, IntegerFeature, RangedFeature, Value
from app.core.validation import describe_allowed
from model_build.artifacts import Violation
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import DataChecks
from model_build.text import EXAMPLES, format_row_numbers, format_value, join_first, pluralize

MOST_CATEGORIES = 20
NOT_NULLABLE = "not_nullable"  # pandera's name
TWICE = 2
NUMBERS = frozenset({float, int})  # a bool is an int too, but not by its type

WRONG_TYPE = {
    "integer": "not a whole number",
    "number": "not a number",
    "boolean": "neither true nor false",
}
CHECKS = ("types", "categories", "ranges", "missing", "labels")


def find_violations(spec: ModelSpec, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the column, the check and the row (its number in the file) of every cell that does not fit.

    They come in any order: pandera goes through the columns as a set.
    """
    try:
        _schema(spec).validate(frame, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
        checks = cases["check"].replace(NOT_NULLABLE, "missing")
        return pd.DataFrame({"column": cases["column"], "check": checks, "row": cases["index"].astype(int)})
    return pd.DataFrame({"column": [], "check": [], "row": []})


def describe_violations(spec: ModelSpec, frame: pd.DataFrame, found: pd.DataFrame) -> list[Violation]:
    """Return one finding for every column and check of the cells that `cells` found, in the spec's order."""
    features = {feature.name: feature for feature in spec.features}
    rows = dict(iter(found.groupby(["column", "check"])["row"]))
    return [
        _finding(spec, features.get(column), check, frame.loc[sorted(rows[column, check]), column])
        for column, check in product(frame.columns, CHECKS)
        if (column, check) in rows
    ]


def excluded_rows(checks: DataChecks, found: pd.DataFrame) -> tuple[int, ...]:
    """Return the rows with a cell that only a warning is about: the service would refuse them."""
    warned = [name for name in CHECKS if getattr(checks, name) == "warn"]
    return tuple(sorted({int(row) for row in found["row"][found["check"].isin(warned)]}))


def typed_columns(spec: ModelSpec, frame: pd.DataFrame) -> pd.DataFrame:
    """Return numbers as float64 and all else as categories of the spec; what is neither becomes missing."""
    columns = {feature.name: _typed(feature, frame[feature.name]) for feature in spec.features}
    return pd.DataFrame({**columns, spec.target.name: _among(frame[spec.target.name], spec.target.labels)})


def _schema(spec: ModelSpec) -> pa.DataFrameSchema:
    columns = {feature.name: _column(feature) for feature in spec.features}
    labels = pa.Column(checks=pa.Check.isin(spec.target.labels, error="labels"))
    return pa.DataFrameSchema({**columns, spec.target.name: labels})


def _column(feature: Feature) -> pa.Column:
    checks: list[pa.Check] = []
    match feature:
        case CategoryFeature():
            checks = [pa.Check.isin(feature.categories, error="categories")]
        case BooleanFeature():
            checks = [pa.Check.isin([False, True], error="types")]
        case IntegerFeature():
            checks = [pa.Check(lambda column: _numbers(column).mod(1).eq(0), error="types"), _range(feature)]
        case RangedFeature():
            checks = [pa.Check(lambda column: _numbers(column).notna(), error="types"), _range(feature)]
    return pa.Column(checks=checks, nullable=feature.missing is not None)


def _range(feature: RangedFeature) -> pa.Check:
    def keeps(column: pd.Series) -> pd.Series:
        numbers = _numbers(column)
        return numbers.between(feature.minimum, feature.maximum) | numbers.isna()

    return pa.Check(keeps, error="ranges")


def _numbers(column: pd.Series) -> pd.Series:
    """Return the numbers of a column as float64, and NaN for all else."""
    return column.where(np.array([type(value) in NUMBERS for value in column])).astype(float)


def _typed(feature: Feature, column: pd.Series) -> pd.Series:
    match feature:
        case RangedFeature():
            return _numbers(column)
        case CategoryFeature():
            return _among(column, feature.categories)
    return _among(column, [False, True])


def _among(column: pd.Series, values: Sequence[Value]) -> pd.Series:
    code_of = {value: code for code, value in enumerate(values)}
    codes = [code_of.get(value, -1) for value in column]
    return pd.Series(pd.Categorical.from_codes(codes, categories=list(values)), column.index)


def _finding(spec: ModelSpec, feature: Feature | None, check: str, values: pd.Series) -> Violation:
    """Describe the `values` of one column, by row, that violate one check; the target is no feature."""
    name = feature.name if feature else spec.target.name
    count = len(values)
    wanted = _wanted(feature) if feature else f"one of {', '.join(spec.target.labels)}"
    are = f"{pluralize(count, 'row')} {'is' if count == 1 else 'are'}"
    return Violation(
        check=check,
        severity=getattr(spec.data_checks, check),
        column=name,
        sentence=f"{name}: {are} {_problem(feature, check, values)} ({_found(values)}); must be {wanted}",
        rows=count,
        examples=tuple(values.index[:EXAMPLES]),
    )


def _problem(feature: Feature | None, check: str, values: pd.Series) -> str:
    match check, feature:
        case "types", RangedFeature() | BooleanFeature():
            return WRONG_TYPE[feature.type]
        case "ranges", RangedFeature():
            return _beyond(feature, values)
        case "missing", _:
            return "without a value"
    return "of an unknown category" if feature else "of an unknown label"


def _beyond(feature: RangedFeature, values: pd.Series) -> str:
    low, high = f"{feature.minimum:.15g}", f"{feature.maximum:.15g}"
    if values.min() > feature.maximum:
        return f"above {high}"
    return f"below {low}" if values.max() < feature.minimum else f"outside {low} to {high}"


def _found(values: pd.Series) -> str:
    """Return the first rows, and the commonest values unless there are none."""
    rows = format_row_numbers(values.index, len(values))
    counts = Counter(values.dropna())
    what = join_first(
        (format_value(value) + _times(count) for value, count in counts.most_common()), len(counts)
    )
    return f"{rows}: {what}" if what else rows


def _times(count: int) -> str:
    if count == 1:
        return ""
    return " twice" if count == TWICE else f" ({count:,} times)"


def _wanted(feature: Feature) -> str:
    if isinstance(feature, CategoryFeature) and len(feature.categories) > MOST_CATEGORIES:
        return f"one of the {len(feature.categories)} categories of the spec"
    return describe_allowed(feature)
