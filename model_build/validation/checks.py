"""All checks of the data against the spec and the reference, in one report."""

from collections import Counter

import pandas as pd

from app.core.features import CategoryFeature
from model_build.artifacts import Cleaning, DataReport, Violation
from model_build.errors import DataError
from model_build.spec.model_spec import ModelSpec
from model_build.text import format_row_numbers, format_value, join_first, pluralize
from model_build.validation import drift, float32, leakage, replaced, schema

CHECKS = (*schema.CHECKS, "columns", "duplicates", "cardinality", "replaced", "float32", "leakage")


def check_data(
    spec: ModelSpec, frame: pd.DataFrame, cleaning: Cleaning, reference: pd.DataFrame | Violation | None
) -> DataReport:
    """Return every violation in the clean rows, whose index is the number of the row in the file.

    A reference that can't be read is passed as a violation, and reported with the others.

    Raises:
        DataError: there are no rows.
    """
    if frame.empty:
        raise DataError("There are no rows.")
    cells = schema.find_violations(spec, frame)
    typed = schema.typed_columns(spec, frame)
    violations = [
        *schema.describe_violations(spec, frame, cells),
        *_columns(spec, cleaning),
        *_duplicates(spec, cleaning),
        *_cardinality(spec, typed),
        *replaced.find_replaced(spec, cleaning),
        *replaced.find_shared_buckets(spec, typed),
        *float32.find_merged_numbers(spec, typed),
        *leakage.find_leakage(spec, typed),
    ]
    performed = [*CHECKS]
    if isinstance(reference, Violation):
        violations.append(reference)
    elif reference is not None and (config := spec.data_checks.reference):
        violations += drift.find_drift(spec, config, frame, typed, reference)
        performed += drift.CHECKS
    counts = Counter(violation.check for violation in violations)
    return DataReport(
        rows=len(frame),
        checks={name: counts[name] for name in (*performed, *counts)},
        violations=tuple(violations),
        left_out=schema.excluded_rows(spec.data_checks, cells),
    )


def _columns(spec: ModelSpec, cleaning: Cleaning) -> list[Violation]:
    unknown = cleaning.unknown_columns
    if not unknown:
        return []
    verb = "is" if len(unknown) == 1 else "are"
    columns = pluralize(len(unknown), "column")
    sentence = f"{columns} {verb} not in the spec and {verb} ignored: {', '.join(unknown)}"
    return [Violation(check="columns", severity=spec.data_checks.columns, column=None, sentence=sentence)]


def _duplicates(spec: ModelSpec, cleaning: Cleaning) -> list[Violation]:
    checks, count, share = spec.data_checks, cleaning.duplicates, cleaning.duplicates / cleaning.rows_read
    loses_rows = spec.data.drop_duplicates and share > checks.maximum_dropped
    if share <= checks.maximum_duplicates and not loses_rows:
        return []
    sentence = (
        f"{pluralize(count, 'exact duplicate')} of an earlier row, {100 * share:.2f} % of all rows "
        f"({format_row_numbers(cleaning.duplicate_rows, count)}); "
    )
    if loses_rows:
        sentence += (
            f"data.drop_duplicates would drop them, and at most {100 * checks.maximum_dropped:g} % may be "
            "dropped. If they are different rows that look alike, `data.drop_duplicates: false` keeps them; "
            "if not, raise data_checks.maximum_dropped"
        )
    else:
        sentence += f"at most {100 * checks.maximum_duplicates:g} % is allowed"
    return [
        Violation(
            check="duplicates",
            severity="fail" if loses_rows else checks.duplicates,
            column=None,
            sentence=sentence,
            rows=count,
            examples=cleaning.duplicate_rows,
        )
    ]


def _cardinality(spec: ModelSpec, typed: pd.DataFrame) -> list[Violation]:
    of_others = {
        feature.name: set(feature.levels) - set(feature.categories)
        for feature in spec.features
        if isinstance(feature, CategoryFeature)
    }
    problems = {name: _cardinality_problem(typed[name], of_others.get(name, set())) for name in typed}
    severity = spec.data_checks.cardinality
    return [
        Violation(check="cardinality", severity=severity, column=name, sentence=f"{name}: {problem}")
        for name, problem in problems.items()
        if problem
    ]


def _cardinality_problem(column: pd.Series, of_others: set[str]) -> str | None:
    """Return which value of a typed column is the only one, or which values no row has.

    A category that stands for others is in no row before a model is fitted.
    """
    values = column.dropna().unique().tolist()
    if not values:
        return "every value is missing or unknown"
    if len(values) == 1:
        rows = "every row with a value" if column.hasnans else "every row"
        return f"{rows} has {format_value(values[0])}"
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return None
    absent = [value for value in column.cat.categories if value not in {*values, *of_others}]
    return f"no row has {join_first(map(format_value, absent), len(absent))}" if absent else None
