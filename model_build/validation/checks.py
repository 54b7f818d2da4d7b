"""Whether the data are what the spec says, and as the reference is: every violation, in one report."""

from collections import Counter

import pandas as pd

from model_build.artifacts import Cleaning, DataReport, Violation
from model_build.errors import DataError
from model_build.spec.model_spec import ModelSpec
from model_build.text import format_row_numbers, format_value, join_first, pluralize
from model_build.validation import drift, leakage, schema

CHECKS = (*schema.CHECKS, "columns", "duplicates", "cardinality", "leakage")


def check_data(
    spec: ModelSpec, frame: pd.DataFrame, cleaning: Cleaning, reference: pd.DataFrame | Violation | None
) -> DataReport:
    """Return every violation in the clean rows, whose index is the number of the row in the file.

    A reference that can't be had is a finding, among the others.

    Raises:
        DataError: there are no rows.
    """
    if frame.empty:
        raise DataError("There are no rows.")
    cells = schema.find_violations(spec, frame)
    typed = schema.typed_columns(spec, frame)
    found = [
        *schema.describe_violations(spec, frame, cells),
        *_columns(spec, cleaning),
        *_duplicates(spec, cleaning),
        *_cardinality(spec, typed),
        *leakage.find_leakage(spec, typed),
    ]
    ran = [*CHECKS]
    if isinstance(reference, Violation):
        found.append(reference)
    elif reference is not None and (how := spec.data_checks.reference):
        found += drift.find_drift(spec, how, frame, typed, reference)
        ran += drift.CHECKS
    counts = Counter(finding.check for finding in found)
    return DataReport(
        rows=len(frame),
        checks={name: counts[name] for name in (*ran, *counts)},
        violations=tuple(found),
        left_out=schema.excluded_rows(spec.data_checks, cells),
    )


def _columns(spec: ModelSpec, cleaning: Cleaning) -> list[Violation]:
    unknown = cleaning.unknown_columns
    if not unknown:
        return []
    are = f"{pluralize(len(unknown), 'column')} {'is' if len(unknown) == 1 else 'are'}"
    sentence = f"{are} not in the spec, and so not read: {', '.join(unknown)}"
    return [Violation(check="columns", severity=spec.data_checks.columns, column=None, sentence=sentence)]


def _duplicates(spec: ModelSpec, cleaning: Cleaning) -> list[Violation]:
    how, share = spec.data_checks, cleaning.duplicates / cleaning.rows_read
    if share <= how.maximum_duplicates:
        return []
    count = cleaning.duplicates
    sentence = (
        f"{pluralize(count, 'exact duplicate')} of an earlier row, {100 * share:.2f} % of all "
        f"({format_row_numbers(cleaning.duplicate_rows, count)}); "
        f"at most {100 * how.maximum_duplicates:g} % is allowed"
    )
    return [
        Violation(
            check="duplicates",
            severity=how.duplicates,
            column=None,
            sentence=sentence,
            rows=count,
            examples=cleaning.duplicate_rows,
        )
    ]


def _cardinality(spec: ModelSpec, typed: pd.DataFrame) -> list[Violation]:
    problems = {name: _scarcity(typed[name]) for name in typed}
    then = spec.data_checks.cardinality
    return [
        Violation(check="cardinality", severity=then, column=name, sentence=f"{name}: {problem}")
        for name, problem in problems.items()
        if problem
    ]


def _scarcity(column: pd.Series) -> str | None:
    """Say which values are the only one, or in no row, of a column that `typed` returned."""
    values = column.dropna().unique().tolist()
    if not values:
        return "every value is missing or unknown"
    if len(values) == 1:
        rows = "every row that has a value" if column.hasnans else "every row"
        return f"{rows} has {format_value(values[0])}"
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return None
    absent = [value for value in column.cat.categories if value not in values]
    return f"no row has {join_first(map(format_value, absent), len(absent))}" if absent else None
