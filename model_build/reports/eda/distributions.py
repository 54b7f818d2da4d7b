"""Plots of the columns of a file by the label of the rows. They draw counts, never single rows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from app.core.contract import Target
from model_build.evaluation.intervals import wilson_interval
from model_build.reports.eda.profile import ColumnProfile
from model_build.reports.svg import (
    ACCENT,
    EIGHTH,
    FIFTH,
    FOURTH,
    NINTH,
    SECOND,
    SEVENTH,
    SIXTH,
    TENTH,
    THIRD,
    new_plot,
    to_svg,
)
from model_build.text import format_number

WIDTH, PAGE_WIDTH = 11.0, 14.5  # inches
CONFIDENCE = 0.95
BINS = 40
MOST_LEVELS = 16
TAIL = 0.001  # of the rows, at either end, that a histogram leaves out
LONGEST_NAME = 24
TICKS, STEPS = 5, (1, 2, 5, 10)
PALETTE = (ACCENT, SECOND, FOURTH, FIFTH, SIXTH, SEVENTH, EIGHTH, NINTH, TENTH, THIRD)
"""Labels take these in turn. Colour-blind readers can distinguish all but the first and the last."""
DEEPEST = 0.6  # opacity of the strongest association; the number on it stays readable
STRONG = 0.5
NARROW = 0.45  # inches; in a narrower cell, a number would run into the next cell
MISSING = "(missing)"
NUMBERS = FuncFormatter(lambda value, _: format_number(value))


@dataclass(frozen=True)
class RowLabels:
    """The label of every row, NaN where the cell is not a label of the target."""

    values: pd.Series
    colours: dict[str, str]
    shown: tuple[str, ...]
    """The labels whose share is drawn; of two labels, only the positive one."""

    @classmethod
    def of(cls, target: Target, values: pd.Series) -> Self:
        if target.positive is None:
            colours = {label: PALETTE[i % len(PALETTE)] for i, label in enumerate(target.labels)}
            return cls(values, colours, target.labels)
        colours = {label: SECOND if label == target.positive else ACCENT for label in target.labels}
        return cls(values, colours, (target.positive,))

    @property
    def title(self) -> str:
        """The title of a plot of the shares."""
        return f"Share of {self.shown[0]}" if len(self.shown) == 1 else "Share of each label"

    def share(self, label: str) -> float:
        return float((self.values.dropna() == label).mean())

    def shares(self, groups: pd.Series, label: str) -> pd.DataFrame:
        """Return the share of a label in each group of rows: share, low and high (Wilson, 95 %)."""
        known = self.values.dropna().index.intersection(groups.index)
        counts = (self.values[known] == label).groupby(groups[known], observed=True).agg(["sum", "size"])
        hits, rows = counts.to_numpy().T
        low, high = wilson_interval(hits, rows, CONFIDENCE)
        return pd.DataFrame({"share": hits / rows, "low": low, "high": high}, counts.index)


def draw_distribution(column: ColumnProfile, labels: RowLabels) -> Markup:
    """Return the distribution of a column by label, beside the share of the label by its value."""
    plot = _draw_number(column, labels) if column.is_number else _draw_category(column, labels)
    return to_svg(plot, f"{column.title}: distribution by label, and share of {', '.join(labels.shown)}")


def _draw_number(column: ColumnProfile, labels: RowLabels) -> Figure:
    plot, (left, right) = _pair(2.7, left=0.6, bottom=0.5)
    _draw_histogram(left, column, labels)
    centres = column.known.groupby(column.bands).mean()
    for label in labels.shown:
        colour, shares = labels.colours[label], labels.shares(column.bands, label)
        x = centres[shares.index]
        right.axhline(labels.share(label), color=colour, linewidth=1, linestyle="dotted")
        right.vlines(x, shares["low"], shares["high"], color=colour, linewidth=1.4)
        right.plot(x, shares["share"], color=colour, marker="o", markersize=4, linewidth=1)
    left.set_title("Share of the label's rows")
    right.set_title(labels.title)
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(TICKS, steps=STEPS))
        axes.xaxis.set_major_formatter(NUMBERS)
        axes.yaxis.set_major_locator(MaxNLocator(TICKS - 1, steps=STEPS))
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.set_ylim(bottom=0)
        axes.set_xlabel(column.unit or "")
    return plot


def _pair(height: float, *, left: float, bottom: float) -> tuple[Figure, list[Axes]]:
    plot, axes = new_plot(WIDTH, height, columns=2)
    _set_margins(plot, left=left, right=0.3, bottom=bottom, top=0.35)
    return plot, axes


def _set_margins(plot: Figure, *, left: float, right: float, bottom: float, top: float) -> None:
    """Set margins, in inches; a layout that measures all text would take most of the time."""
    width, height = plot.get_size_inches()
    plot.set_layout_engine(None)
    plot.subplots_adjust(left / width, bottom / height, 1 - right / width, 1 - top / height, wspace=0.16)


def _draw_histogram(axes: Axes, column: ColumnProfile, labels: RowLabels) -> None:
    """Draw an outline for each label, without the tails and without a value that most rows have."""
    values = column.known[column.known != column.common]
    edges = _edges(values, whole=column.type == "integer")
    for label, colour in labels.colours.items():
        has_label = labels.values[column.known.index] == label
        heights = np.histogram(values[has_label[values.index]], edges)[0] / max(1, has_label.sum())
        axes.stairs(heights, edges, fill=True, color=colour, alpha=0.25)
        axes.stairs(heights, edges, color=colour, linewidth=1.4)


def _edges(values: pd.Series, *, whole: bool) -> npt.NDArray[np.floating]:
    """Return the edges of the bins; for whole numbers they lie between the numbers."""
    low, high = values.quantile([TAIL, 1 - TAIL]) if len(values) else (0.0, 1.0)
    if whole:
        step = math.ceil((high - low + 1) / BINS)
        return np.arange(math.floor(low) - 0.5, high + step, step)
    return np.linspace(low, high if high > low else low + 1, BINS + 1)


def _draw_category(column: ColumnProfile, labels: RowLabels) -> Figure:
    levels = _group_levels(column)
    names = list(levels.cat.categories)
    plot, (left, right) = _pair(0.65 + 0.25 * len(names), left=2.1, bottom=0.3)
    _draw_bars(left, levels, labels)
    for label in labels.shown:
        colour, shares = labels.colours[label], labels.shares(levels, label)
        lines = [names.index(name) for name in shares.index]
        right.axvline(labels.share(label), color=colour, linewidth=1, linestyle="dotted")
        right.hlines(lines, shares["low"], shares["high"], color=colour, linewidth=1.4)
        right.plot(shares["share"], lines, "o", color=colour, markersize=5)
    left.set_yticks(range(len(names)), [_shorten(name) for name in names])
    right.set_yticks(range(len(names)), [])
    right.xaxis.set_major_locator(MaxNLocator(TICKS, steps=STEPS))
    right.xaxis.set_major_formatter(PercentFormatter(1))
    left.set_title("Rows")
    right.set_title(labels.title)
    for axes in (left, right):
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlim(left=0)
    return plot


def _group_levels(column: ColumnProfile) -> pd.Series:
    """Return the level of every row whose cell is valid.

    The rarest levels become one level, and missing values are a level of their own.
    """
    values, names = column.values, list(column.values.cat.categories)
    if len(names) > MOST_LEVELS:
        frequent = set(values.value_counts().index[: MOST_LEVELS - 1])
        rest = f"({len(names) - len(frequent)} others)"
        values = values.cat.add_categories(rest)
        values = values.where(values.isna() | values.isin(frequent), rest)
        names = [*(name for name in names if name in frequent), rest]
    if column.missing.any():
        values = values.cat.add_categories(MISSING).mask(column.missing, MISSING)
        names = [*names, MISSING]
    return values.cat.set_categories(names)


def _draw_bars(axes: Axes, levels: pd.Series, labels: RowLabels) -> None:
    """Draw the rows of each level, stacked by label."""
    start = np.zeros(len(levels.cat.categories))
    for label, colour in labels.colours.items():
        counts = levels[labels.values == label].value_counts(sort=False).to_numpy()
        axes.barh(range(len(counts)), counts, left=start, color=colour, alpha=0.85, height=0.72)
        start += counts
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(TICKS, integer=True, steps=STEPS))
    axes.xaxis.set_major_formatter(NUMBERS)


def _shorten(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def draw_heat_map(associations: pd.DataFrame, titles: Mapping[str, str]) -> Markup:
    """Draw the lower triangle of the associations; a large one has only the strong numbers."""
    names = [_shorten(titles[name]) for name in associations]
    left, right = 2.1, 0.2
    width = min(PAGE_WIDTH, 2.5 + len(names))
    plot, (axes,) = new_plot(width, 1.7 + 0.42 * len(names))
    _set_margins(plot, left=left, right=right, bottom=1.4, top=0.1)
    is_narrow = width - left - right < NARROW * (len(names) - 1)
    for column, row in combinations(range(len(names)), 2):
        _draw_cell(axes, column, row, associations.iloc[row, column], narrow=is_narrow)
    axes.set(xlim=(-0.5, len(names) - 1.5), ylim=(len(names) - 0.5, 0.5))
    axes.set_xticks(range(len(names) - 1), names[:-1], rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(1, len(names)), names[1:])
    axes.grid(visible=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    return to_svg(plot, "Associations of all pairs of columns")


def _draw_cell(axes: Axes, column: int, row: int, value: float, *, narrow: bool) -> None:
    """Draw one association; a narrow cell has a number only if the association is strong, and a small one."""
    if np.isnan(value):
        return
    colour = ACCENT if value >= 0 else SECOND
    opacity = abs(value) * DEEPEST
    axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=colour, alpha=opacity))
    is_strong = abs(value) >= STRONG
    if is_strong or not narrow:
        weight, size = "bold" if is_strong else "normal", 7 if narrow else 10
        axes.text(column, row, f"{value:z.2f}", ha="center", va="center", fontweight=weight, fontsize=size)
