"""A first look at the data, before anything is dropped: one page."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import compress

import pandas as pd

from app.core.features import Value
from model_build.artifacts import Origin
from model_build.reports.eda import distributions, profile
from model_build.reports.eda.alerts import find_alerts
from model_build.reports.eda.associations import compute_associations, information, measure_names
from model_build.reports.eda.distributions import RowLabels
from model_build.reports.eda.profile import ColumnProfile, DataProfile
from model_build.reports.html import render
from model_build.reports.svg import css
from model_build.spec.model_spec import ModelSpec
from model_build.text import format_number, format_percent

EXAMPLES = 5
PATTERNS = 10
LEVELS = 3


@dataclass(frozen=True)
class Link:
    """How strongly a feature goes with the target; NaN where there is nothing to compare."""

    column: ColumnProfile
    measure: str
    association: float
    information: float


@dataclass(frozen=True)
class Rows:
    """Rows that have something in common."""

    count: int
    numbers: tuple[int, ...]
    """Of the first of them, in the file."""
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Pattern:
    """Columns that are missing in the same rows, in which no other one is."""

    columns: tuple[str, ...]
    rows: int
    shares: dict[str, float]
    """How often these rows have each of the labels that are drawn."""


def render_report(spec: ModelSpec, raw: pd.DataFrame, origin: Origin) -> str:
    """Return a page that holds all it needs, about the text of a file whose index numbers its rows.

    Raises:
        DataError: a column is absent, or there twice; or there are no rows.
    """
    table = profile.profile_columns(spec, raw, origin)
    labels = RowLabels.of(spec.target, table.target.values)
    square = compute_associations(table.columns)
    told = {column.name: information(column, table.target) for column in table.features}
    return render(
        "eda.html",
        spec=spec,
        origin=origin,
        table=table,
        labels=labels,
        css=css,
        findings=list(find_alerts(table, square, told)),
        summaries={column.name: _summary(column) for column in table.columns},
        outliers={column.name: profile.outliers(column, EXAMPLES) for column in table.numbers},
        figures={column.name: distributions.draw_distribution(column, labels) for column in table.features},
        heat_map=distributions.heat_map(square, {column.name: column.title for column in table.columns}),
        links=_links(table, square, told),
        patterns=_patterns(table, labels),
        repeated=_repeated(table),
        unfit={column.name: _unfit(column) for column in table.columns if len(column.unfit)},
    )


def _summary(column: ColumnProfile) -> str:
    """Return the smallest, the quartiles and the largest of a number, or the most frequent levels."""
    if column.is_number:
        return " · ".join(format_number(each) for each in column.known.quantile([0, 0.25, 0.5, 0.75, 1]))
    shares = column.known.value_counts(normalize=True)[:LEVELS]
    return ", ".join(f"{level} {format_percent(share, 0)}" for level, share in shares.items() if share)


def _links(table: DataProfile, square: pd.DataFrame, told: dict[str, float]) -> list[Link]:
    """Return the strongest first."""
    target = table.target
    found = [
        Link(each, measure_names(each, target), square.loc[each.name, target.name], told[each.name])
        for each in table.features
    ]
    return sorted(found, key=lambda link: link.association if link.association >= 0 else -1, reverse=True)


def _patterns(table: DataProfile, labels: RowLabels) -> Iterable[Pattern]:
    """Return the most frequent first."""
    gaps = pd.DataFrame({column.name: column.missing for column in table.features if column.missing.any()})
    if gaps.empty:
        return []
    alike = gaps[gaps.any(axis=1)].groupby(list(gaps)).ngroup()
    found = [
        Pattern(
            tuple(compress(gaps, gaps.loc[rows[0]])),
            len(rows),
            {label: float((labels.values[rows] == label).mean()) for label in labels.shown},
        )
        for rows in alike.groupby(alike).groups.values()
    ]
    return sorted(found, key=lambda pattern: pattern.rows, reverse=True)[:PATTERNS]


def _repeated(table: DataProfile) -> Iterable[Rows]:
    """Return the rows that stand in the file most often."""
    again = table.cells[table.cells.duplicated(keep=False)]
    groups = again.groupby(list(again), sort=False, dropna=False).groups.values() if len(again) else ()
    most = sorted(groups, key=len, reverse=True)[:EXAMPLES]
    return [_rows(rows, table.cells.loc[rows[0]]) for rows in most]


def _unfit(column: ColumnProfile) -> Iterable[Rows]:
    """Return the most frequent cells that do not fit."""
    groups = column.unfit.groupby(column.unfit.map(repr), sort=False).groups.values()
    most = sorted(groups, key=len, reverse=True)[:EXAMPLES]
    return [_rows(rows, [column.cells[rows[0]]]) for rows in most]


def _rows(rows: pd.Index, cells: Iterable[Value]) -> Rows:
    return Rows(len(rows), tuple(rows[:EXAMPLES]), tuple(_shown(cell) for cell in cells))


def _shown(cell: Value) -> str:
    if cell is None or isinstance(cell, bool):
        return {None: "missing", False: "false", True: "true"}[cell]
    return format_number(cell) if isinstance(cell, float) else cell or "(empty)"
