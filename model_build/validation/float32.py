"""Numbers that differ in the data, and are equal as float32, in which every model computes."""

import numpy as np
import pandas as pd

from app.core.features import RangedFeature
from model_build.artifacts import Violation
from model_build.spec.model_spec import ModelSpec
from model_build.text import pluralize

REMEDY = (
    "Declare an offset near them, from which the model reads the distance, or declare a code as a category"
)


def find_merged_numbers(spec: ModelSpec, typed: pd.DataFrame) -> list[Violation]:
    """Return a violation for every feature that loses too many values, and one for all others that lose some.

    The columns are those of `typed_columns`: float64 for a number.
    """
    counts = {
        feature.name: _count_values(read_numbers(feature, typed[feature.name]))
        for feature in spec.features
        if isinstance(feature, RangedFeature)
    }
    shares = {name: 1 - merged / values for name, (values, merged) in counts.items() if merged < values}
    allowed = spec.data_checks.maximum_merged
    fatal = {name: share for name, share in shares.items() if share > allowed}
    harmless = {name: share for name, share in shares.items() if share <= allowed}
    violations = [
        _violation(
            "fail",
            name,
            f"{name}: {pluralize(counts[name][0], 'different value')} become {counts[name][1]:,} as float32, "
            f"in which the model computes: {100 * share:.2f} % are merged with another; "
            f"data_checks.maximum_merged allows {100 * allowed:g} %. {REMEDY}",
        )
        for name, share in fatal.items()
    ]
    if harmless:
        listed = ", ".join(f"{name} {100 * share:.2g} %" for name, share in harmless.items())
        sentence = f"float32, in which the model computes, merges neighbouring values of {listed}. {REMEDY}"
        violations.append(_violation("warn", next(iter(harmless)) if len(harmless) == 1 else None, sentence))
    return violations


def read_numbers(feature: RangedFeature, column: "pd.Series[float]") -> "pd.Series[float]":
    """Return the numbers that the model reads for the values of a feature, still in float64."""
    return (column - feature.offset) / feature.scale


def to_float32(column: "pd.Series[float]") -> "pd.Series[float]":
    """Return the numbers as the model sees them; those beyond the range of float32 are infinite."""
    with np.errstate(over="ignore"):
        return column.astype("float32")


def _count_values(column: "pd.Series[float]") -> tuple[int, int]:
    """Return how many different values there are, and how many as float32."""
    return column.nunique(), to_float32(column).nunique()


def _violation(severity: str, column: str | None, sentence: str) -> Violation:
    return Violation.model_validate(
        {"check": "float32", "severity": severity, "column": column, "sentence": sentence}
    )
