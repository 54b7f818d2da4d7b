"""Cells that violate the spec: located, described in sentences, and left out of typed columns.

The rules are masks of pandas. As a pandera schema they took more lines and five times as long.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import pandas as pd

from app.core.allowed import describe_allowed
from app.core.datetime_feature import DatetimeFeature
from app.core.features import (
    BooleanFeature,
    CategoryFeature,
    Feature,
    IntegerFeature,
    OpenCategoryFeature,
    RangedFeature,
)
from app.core.values import Value
from model_build.artifacts import Violation
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import DataChecks
from model_build.text import EXAMPLES, format_row_numbers, format_value, join_first, pluralize

LISTED_CATEGORIES = 20
TWICE = 2
NUMBERS = frozenset({float, int})  # a bool is an int too, but not by its type

WRONG_TYPE = {
    "integer": "not a whole number",
    "number": "not a number",
    "boolean": "neither true nor false",
    "datetime": "not a date of that form",
    "open_category": "too long",
}
CHECKS = ("types", "categories", "ranges", "missing", "labels")


def find_violations(spec: ModelSpec, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the column, the check and the row (its number in the file) of every invalid cell."""
    labels = frame[spec.target.name]
    masks = [
        (feature.name, *mask) for feature in spec.features for mask in _masks(feature, frame[feature.name])
    ]
    masks.append((spec.target.name, "missing", labels.isna()))
    masks.append((spec.target.name, "labels", labels.notna() & ~labels.isin(spec.target.labels)))
    cells = [
        pd.DataFrame({"column": name, "check": check, "row": mask.index[mask]}) for name, check, mask in masks
    ]
    return pd.concat(cells, ignore_index=True)


def describe_violations(spec: ModelSpec, frame: pd.DataFrame, cells: pd.DataFrame) -> list[Violation]:
    """Return one violation for every column and check of the cells in violation, in the spec's order."""
    features = {feature.name: feature for feature in spec.features}
    rows = dict(iter(cells.groupby(["column", "check"])["row"]))
    return [
        _violation(spec, features.get(column), check, frame.loc[sorted(rows[column, check]), column])
        for column, check in product(frame.columns, CHECKS)
        if (column, check) in rows
    ]


def excluded_rows(checks: DataChecks, cells: pd.DataFrame) -> tuple[int, ...]:
    """Return the rows with a cell that only warns: the service would refuse them, so they do not train."""
    warned = [name for name in CHECKS if getattr(checks, name) == "warn"]
    return tuple(sorted({int(row) for row in cells["row"][cells["check"].isin(warned)]}))


def typed_columns(spec: ModelSpec, frame: pd.DataFrame) -> pd.DataFrame:
    """Return numbers as float64, dates as seconds, all other values as categories.

    Values of another type are missing.
    """
    columns = {feature.name: _typed(feature, frame[feature.name]) for feature in spec.features}
    columns[spec.target.name] = _categorical(frame[spec.target.name], spec.target.labels)
    return pd.DataFrame(columns)


def _masks(feature: Feature, column: pd.Series) -> Iterator[tuple[str, pd.Series]]:
    """Yield the name of each check of a feature, and which cells violate it."""
    present = column.notna()
    if feature.missing is None:
        yield "missing", ~present
    match feature:
        case CategoryFeature():
            yield "categories", present & ~column.isin(feature.levels)
        case OpenCategoryFeature():
            yield "types", present & ~column.map(feature.accepts)
        case BooleanFeature():
            yield "types", present & ~column.isin([False, True])
        case DatetimeFeature():
            seconds = _seconds(feature, column)
            yield "types", present & seconds.isna()
            yield "ranges", seconds.notna() & ~seconds.between(*feature.range)
        case RangedFeature():
            numbers = _numbers(column)
            valid = numbers.mod(1).eq(0) if isinstance(feature, IntegerFeature) else numbers.notna()
            yield "types", present & ~valid
            yield "ranges", numbers.notna() & ~numbers.between(feature.minimum, feature.maximum)


def _numbers(column: pd.Series) -> pd.Series:
    """Return the numbers of a column as float64, and NaN for all other values."""
    return column.where(np.array([type(value) in NUMBERS for value in column])).astype(float)


def _seconds(feature: DatetimeFeature, column: pd.Series) -> pd.Series:
    """Return the seconds of the dates of a column, and NaN for all other values; each text is read once."""
    seconds = {text: feature.encode(text) for text in column.unique() if isinstance(text, str)}
    return column.map(seconds).astype(float)


def _typed(feature: Feature, column: pd.Series) -> pd.Series:
    match feature:
        case RangedFeature():
            return _numbers(column)
        case CategoryFeature():
            return _categorical(column, feature.levels)
        case OpenCategoryFeature():
            return _categorical(column, sorted(column.dropna().astype(str).unique()))
        case DatetimeFeature():
            return _seconds(feature, column)
    return _categorical(column, [False, True])


def _categorical(column: pd.Series, values: Sequence[Value]) -> pd.Series:
    code_of = {value: code for code, value in enumerate(values)}
    codes = [code_of.get(value, -1) for value in column.to_numpy(object).tolist()]
    return pd.Series(pd.Categorical.from_codes(codes, categories=list(values)), column.index)


def _violation(spec: ModelSpec, feature: Feature | None, check: str, values: pd.Series) -> Violation:
    """Describe the `values` of one column that violate one check; without a feature, of the target."""
    name = feature.name if feature else spec.target.name
    count = len(values)
    allowed = _allowed(feature) if feature else f"one of {', '.join(spec.target.meanings)}"
    problem = f"{'is' if count == 1 else 'are'} {_problem(feature, check, values)} ({_examples(values)})"
    return Violation(
        check=check,
        severity=getattr(spec.data_checks, check),
        column=name,
        sentence=f"{name}: {pluralize(count, 'value')} {problem}; must be {allowed}",
        rows=count,
        examples=tuple(values.index[:EXAMPLES]),
    )


def _problem(feature: Feature | None, check: str, values: pd.Series) -> str:
    match check, feature:
        case "types", RangedFeature() | BooleanFeature():
            return WRONG_TYPE[feature.type]
        case "types", DatetimeFeature() | OpenCategoryFeature():
            return WRONG_TYPE[feature.type]
        case "ranges", DatetimeFeature():
            return f"outside {feature.minimum} to {feature.maximum}"
        case "ranges", RangedFeature():
            return _outside(feature, values)
        case "missing", _:
            return "missing"
    return "not a known category" if feature else "not a known label"


def _outside(feature: RangedFeature, values: pd.Series) -> str:
    low, high = f"{feature.minimum:.15g}", f"{feature.maximum:.15g}"
    if values.min() > feature.maximum:
        return f"above {high}"
    return f"below {low}" if values.max() < feature.minimum else f"outside {low} to {high}"


def _examples(values: pd.Series) -> str:
    """Return the first rows, and the most frequent values unless all are missing."""
    rows = format_row_numbers(values.index, len(values))
    counts = Counter(values.dropna())
    frequent = (format_value(value) + _times(count) for value, count in counts.most_common())
    return f"{rows}: {join_first(frequent, len(counts))}" if counts else rows


def _times(count: int) -> str:
    if count == 1:
        return ""
    return " twice" if count == TWICE else f" ({count:,} times)"


def _allowed(feature: Feature) -> str:
    if isinstance(feature, CategoryFeature) and len(feature.categories) > LISTED_CATEGORIES:
        return f"one of the {len(feature.categories)} categories of the spec"
    return describe_allowed(feature)
