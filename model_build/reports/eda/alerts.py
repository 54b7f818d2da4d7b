"""What stands out in a file, in sentences; the figures behind them follow in the report."""

from collections.abc import Iterable, Iterator
from itertools import combinations

import pandas as pd

from model_build.reports.eda.profile import DataProfile
from model_build.text import format_number, format_percent, pluralize

RARE = 30  # rows; of a rarer level little can be learnt
SAME = 0.95  # association from which on two columns say the same
TOGETHER = 0.9  # of the rows in which either of two columns is missing
NOTHING = 0.005  # of the target's entropy
STRONGEST = 3  # associations to name
WEAK = 0.05  # association below which none is worth naming
NAMES = 4  # in a sentence


def find_alerts(table: DataProfile, square: pd.DataFrame, information: dict[str, float]) -> Iterator[str]:
    """Yield a sentence for each, the gravest first; `square` holds the associations of all columns."""
    yield from _cells(table)
    yield from _rows(table)
    yield from _missing(table)
    yield from _associations(table, square, information)
    yield from _values(table)


def _cells(table: DataProfile) -> Iterator[str]:
    for column in table.columns:
        if count := len(column.unfit):
            share = format_percent(count / len(column.cells), 2)
            yield f"{column.name} has {pluralize(count, 'cell')} that the spec does not allow ({share})."
    if table.unknown:
        yield f"The spec does not name {listed(table.unknown)}, which the model will not see."


def _rows(table: DataProfile) -> Iterator[str]:
    if table.duplicates:
        share = format_percent(table.duplicates / len(table.cells), 2)
        yield f"{pluralize(table.duplicates, 'duplicate')} of an earlier row ({share})."
    if table.contradictions:
        yield (
            f"{format_number(table.contradictions)} rows have a twin with the same features and another "
            f"{table.target.name}: no model can have both right."
        )


def _missing(table: DataProfile) -> Iterator[str]:
    gaps = {column.name: column.missing for column in table.features if column.missing.any()}
    for one, other in combinations(gaps, 2):
        both, either = (gaps[one] & gaps[other]).sum(), (gaps[one] | gaps[other]).sum()
        if both >= TOGETHER * either:
            rows = f"{format_number(both)} of {pluralize(either, 'row')}"
            yield f"{one} and {other} are missing together: in {rows}."


def _associations(table: DataProfile, square: pd.DataFrame, information: dict[str, float]) -> Iterator[str]:
    target = table.target.name
    strengths = square[target].drop(target).sort_values(ascending=False, kind="stable")
    pairs = [f"{name} ({value:.2f})" for name, value in strengths[:STRONGEST].items() if value >= WEAK]
    if pairs:
        yield f"What goes with {target} most: {listed(pairs)}."
    for one, other in combinations([column.name for column in table.features], 2):
        if abs(square.loc[one, other]) >= SAME:
            yield f"{one} and {other} say nearly the same ({square.loc[one, other]:.2f})."
    idle = [name for name, share in information.items() if share < NOTHING]
    if idle:
        yield f"Alone, {listed(idle)} say{'s' if len(idle) == 1 else ''} next to nothing of {target}."


def _values(table: DataProfile) -> Iterator[str]:
    for column in table.features:
        counts = column.known.value_counts()
        if column.known.nunique() <= 1:
            yield f"{column.name} has no two different values."
        elif column.common is not None:
            share = format_percent((column.known == column.common).mean())
            yield f"{column.name} is {format_number(column.common)} in {share} of the rows."
        rare = [] if column.is_number else counts.index[counts.between(1, RARE - 1)]
        if len(rare):
            levels = pluralize(len(rare), "level")
            yield f"{column.name} has {levels} with fewer than {RARE} rows: {listed(rare)}."


def listed(names: Iterable[str]) -> str:
    """Return `a, b and c`, or the first of them and how many more there are."""
    first, rest = list(names)[:NAMES], list(names)[NAMES:]
    if rest:
        return f"{', '.join(first)} and {len(rest)} more"
    return " and ".join([*filter(None, [", ".join(first[:-1])]), first[-1]])
