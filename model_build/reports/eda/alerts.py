"""Alerts: what stands out in a file, in sentences. The report then shows the numbers behind them."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations

import pandas as pd

from model_build.reports.eda.profile import ColumnProfile, DataProfile
from model_build.text import format_number, format_percent, pluralize

RARE = 30  # a level with fewer rows teaches a model little
NEARLY_SAME = 0.95  # association from which on two columns hold nearly the same information
TOGETHER = 0.9  # of the rows in which at least one of two columns is missing
UNINFORMATIVE = 0.005  # share of the target's entropy
STRONGEST = 3  # associations that a sentence names
WEAK = 0.05  # association below which none is worth naming
MOST_NAMES = 4  # in a sentence


def find_alerts(
    data: DataProfile, associations: pd.DataFrame, information: Mapping[str, float]
) -> Iterator[str]:
    """Yield one sentence for each alert, the most serious first.

    `associations` has a row and a column for the target and for every feature to compare with others.
    `information` has, for every feature, its mutual information with the target as a share of the target's
    entropy.
    """
    yield from _invalid_cells(data)
    yield from _repeated_rows(data)
    yield from _missing_cells(column for column in data.features if column.name in associations)
    yield from _associations(data, associations, information)
    yield from _uneven_values(data)


def _invalid_cells(data: DataProfile) -> Iterator[str]:
    for column in data.columns:
        if count := len(column.invalid):
            share = format_percent(count / len(column.cells), 2)
            yield f"{column.name} has {pluralize(count, 'cell')} that the spec does not allow ({share})."
    if data.unknown:
        yield f"The spec does not name {join_names(data.unknown)}, which the model ignores."


def _repeated_rows(data: DataProfile) -> Iterator[str]:
    if data.duplicates:
        share = format_percent(data.duplicates / len(data.cells), 2)
        verb = "repeats" if data.duplicates == 1 else "repeat"
        yield f"{pluralize(data.duplicates, 'row')} {verb} an earlier row ({share})."
    if data.contradictions:
        yield (
            f"{format_number(data.contradictions)} rows have the same features as another row but a "
            f"different {data.target.name}: no model can predict both."
        )


def _missing_cells(features: Iterable[ColumnProfile]) -> Iterator[str]:
    missing = {column.name: column.missing for column in features if column.missing.any()}
    for first, second in combinations(missing, 2):
        both = (missing[first] & missing[second]).sum()
        either = (missing[first] | missing[second]).sum()
        if both >= TOGETHER * either:
            rows = f"{format_number(both)} of {pluralize(either, 'row')}"
            yield f"{first} and {second} are missing together in {rows}."


def _associations(
    data: DataProfile, associations: pd.DataFrame, information: Mapping[str, float]
) -> Iterator[str]:
    target = data.target.name
    strengths = associations[target].drop(target).sort_values(ascending=False, kind="stable")
    strongest = [f"{name} ({value:.2f})" for name, value in strengths[:STRONGEST].items() if value >= WEAK]
    if strongest:
        yield f"The strongest associations with {target}: {join_names(strongest)}."
    for first, second in combinations([name for name in associations if name != target], 2):
        strength = associations.loc[first, second]
        if abs(strength) >= NEARLY_SAME:
            yield f"{first} and {second} hold nearly the same information ({strength:.2f})."
    idle = [name for name, share in information.items() if share < UNINFORMATIVE]
    if idle:
        verb = "says" if len(idle) == 1 else "say"
        yield f"Alone, {join_names(idle)} {verb} almost nothing about {target}."


def _uneven_values(data: DataProfile) -> Iterator[str]:
    for column in data.features:
        counts = column.known.value_counts()
        if column.known.nunique() <= 1:
            yield f"{column.name} does not have two different values."
        elif column.common is not None:
            share = format_percent((column.known == column.common).mean())
            yield f"{column.name} is {format_number(column.common)} in {share} of the rows."
        rare = [] if column.is_number else counts.index[counts.between(1, RARE - 1)]
        if len(rare):
            levels = pluralize(len(rare), "level")
            yield f"{column.name} has {levels} with fewer than {RARE} rows: {join_names(rare)}."


def join_names(names: Iterable[str]) -> str:
    """Return `a, b and c`; of a longer list, the first names and the number of the rest."""
    first, rest = list(names)[:MOST_NAMES], list(names)[MOST_NAMES:]
    if rest:
        return f"{', '.join(first)} and {len(rest)} more"
    return " and ".join([*filter(None, [", ".join(first[:-1])]), first[-1]])
