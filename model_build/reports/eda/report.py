"""The EDA report: one page about the data as they are in the file, before any row is dropped."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import compress

import pandas as pd

from app.core.values import Value
from model_build.origin import Origin
from model_build.reports.eda import distributions, profile
from model_build.reports.eda.alerts import find_alerts
from model_build.reports.eda.associations import compute_associations, information_share, measure_name
from model_build.reports.eda.distributions import RowLabels
from model_build.reports.eda.profile import ColumnProfile, DataProfile
from model_build.reports.html import render
from model_build.reports.svg import css_colour
from model_build.spec.model_spec import ModelSpec
from model_build.text import format_number, format_percent

EXAMPLES = 5
MOST_PATTERNS = 10
LEVELS = 3
MOST_COMPARED = 40
"""Features that are drawn, and compared in pairs, of which thousands take long and say little."""


@dataclass(frozen=True)
class TargetLink:
    """How strongly a feature is associated with the target; NaN where nothing can be compared."""

    column: ColumnProfile
    measure: str
    association: float
    information: float


@dataclass(frozen=True)
class RowGroup:
    """Rows with the same cells."""

    count: int
    numbers: tuple[int, ...]
    """Of the first rows, in the file."""
    cells: tuple[str, ...]


@dataclass(frozen=True)
class MissingPattern:
    """The columns that are missing in a group of rows; all other columns of these rows are present."""

    columns: tuple[str, ...]
    rows: int
    shares: dict[str, float]
    """The share of each drawn label in these rows."""


def render_report(spec: ModelSpec, raw: pd.DataFrame, origin: Origin) -> str:
    """Return a self-contained page about the text of a file; the index of `raw` holds the row numbers.

    Raises:
        DataError: a column is absent or appears twice, or there are no rows.
    """
    data = profile.profile_columns(spec, raw, origin)
    labels = RowLabels.of(spec.target, data.target.values)
    information = {column.name: information_share(column, data.target) for column in data.features}
    compared = _most_informative(data, information)
    associations = compute_associations((*compared, data.target))
    titles = {column.name: column.title for column in data.columns}
    return render(
        "eda.html",
        spec=spec,
        origin=origin,
        data=data,
        labels=labels,
        css_colour=css_colour,
        alerts=list(find_alerts(data, associations, information)),
        summaries={column.name: _summarize(column) for column in data.columns},
        outliers={column.name: profile.find_outliers(column, EXAMPLES) for column in data.numbers},
        plots={column.name: distributions.draw_distribution(column, labels) for column in compared},
        heat_map=distributions.draw_heat_map(associations, titles),
        links=_rank_features(data, associations, information),
        patterns=_missing_patterns(data, labels),
        repeated=_repeated_rows(data),
        invalid={column.name: _invalid_cells(column) for column in data.columns if len(column.invalid)},
    )


def _most_informative(data: DataProfile, information: Mapping[str, float]) -> tuple[ColumnProfile, ...]:
    """Return the features that alone say most about the target, in the order of the spec."""
    ranked = sorted(data.features, key=lambda column: information[column.name], reverse=True)
    names = {column.name for column in ranked[:MOST_COMPARED]}
    return tuple(column for column in data.features if column.name in names)


def _summarize(column: ColumnProfile) -> str:
    """Return minimum, quartiles and maximum of a number, or the most frequent levels."""
    if column.is_number:
        quantiles = column.known.quantile([0, 0.25, 0.5, 0.75, 1])
        return " · ".join(format_number(quantile) for quantile in quantiles)
    shares = column.known.value_counts(normalize=True)[:LEVELS]
    return ", ".join(f"{level} {format_percent(share, 0)}" for level, share in shares.items() if share)


def _rank_features(
    data: DataProfile, associations: pd.DataFrame, information: Mapping[str, float]
) -> list[TargetLink]:
    """Return the strongest association with the target first, and NaN last."""
    links = [
        TargetLink(
            column=column,
            measure=measure_name(column, data.target),
            association=associations.loc[column.name, data.target.name],
            information=information[column.name],
        )
        for column in data.features
        if column.name in associations
    ]
    return sorted(links, key=lambda link: link.association if link.association >= 0 else -1, reverse=True)


def _missing_patterns(data: DataProfile, labels: RowLabels) -> Iterable[MissingPattern]:
    """Return the most frequent pattern first."""
    missing = pd.DataFrame({column.name: column.missing for column in data.features if column.missing.any()})
    if missing.empty:
        return []
    groups = [group.index for _, group in missing[missing.any(axis=1)].groupby(list(missing))]
    patterns = [
        MissingPattern(
            tuple(compress(missing, missing.loc[rows[0]])),
            len(rows),
            {label: float((labels.values[rows] == label).mean()) for label in labels.shown},
        )
        for rows in groups
    ]
    return sorted(patterns, key=lambda pattern: pattern.rows, reverse=True)[:MOST_PATTERNS]


def _repeated_rows(data: DataProfile) -> Iterable[RowGroup]:
    """Return the rows that appear most often in the file."""
    repeated = data.cells[data.cells.duplicated(keep=False)]
    if repeated.empty:
        return []
    groups = repeated.groupby(list(repeated), sort=False, dropna=False).groups.values()
    most_frequent = sorted(groups, key=len, reverse=True)[:EXAMPLES]
    return [_row_group(rows, data.cells.loc[rows[0]]) for rows in most_frequent]


def _invalid_cells(column: ColumnProfile) -> Iterable[RowGroup]:
    """Return the invalid cells that appear most often."""
    groups = column.invalid.groupby(column.invalid.map(repr), sort=False).groups.values()
    most_frequent = sorted(groups, key=len, reverse=True)[:EXAMPLES]
    return [_row_group(rows, [column.cells[rows[0]]]) for rows in most_frequent]


def _row_group(rows: pd.Index, cells: Iterable[Value]) -> RowGroup:
    return RowGroup(len(rows), tuple(rows[:EXAMPLES]), tuple(_format_cell(cell) for cell in cells))


def _format_cell(cell: Value) -> str:
    if cell is None or isinstance(cell, bool):
        return {None: "missing", False: "false", True: "true"}[cell]
    return format_number(cell) if isinstance(cell, float) else cell or "(empty)"
