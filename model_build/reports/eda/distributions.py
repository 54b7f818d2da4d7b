"""Figures of the columns of a file, by the label of the rows; each is drawn from counts, never from rows."""

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
from scipy.stats import binomtest

from app.core.contract import Target
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
    plot,
    svg,
)
from model_build.text import format_number

WIDTH, PAGE_WIDTH = 11.0, 14.5  # inches
BINS = 40
LEVELS = 16
TAIL = 0.001  # of the rows, at either end, that a histogram leaves out
LETTERS = 24
TICKS, STEPS = 5, (1, 2, 5, 10)
PALETTE = (ACCENT, SECOND, FOURTH, FIFTH, SIXTH, SEVENTH, EIGHTH, NINTH, TENTH, THIRD)
"""Labels take these in turn; the colour-blind too can tell them apart, but the last from the first."""
DEEPEST = 0.6  # of a colour, so that the number on it can be read
STRONG = 0.5
NARROW = 0.45  # inches; in a cell below that a number runs into the next
MISSING = "(missing)"
NUMBERS = FuncFormatter(lambda value, _: format_number(value))


@dataclass(frozen=True)
class RowLabels:
    """The label of every row, NaN where it is none of the target's."""

    values: pd.Series
    colours: dict[str, str]
    shown: tuple[str, ...]
    """Those whose share is drawn: of two, only the positive one."""

    @classmethod
    def of(cls, target: Target, values: pd.Series) -> Self:
        if target.positive is None:
            colours = {label: PALETTE[i % len(PALETTE)] for i, label in enumerate(target.labels)}
            return cls(values, colours, target.labels)
        colours = {label: SECOND if label == target.positive else ACCENT for label in target.labels}
        return cls(values, colours, (target.positive,))

    @property
    def title(self) -> str:
        """What the shares are of."""
        return f"Share of {self.shown[0]}" if len(self.shown) == 1 else "Share of each label"

    def share(self, label: str) -> float:
        return float((self.values.dropna() == label).mean())

    def shares(self, groups: pd.Series, label: str) -> pd.DataFrame:
        """Return how often the rows of each group have a label: share, low and high (Wilson, 95 %)."""
        known = self.values.dropna().index.intersection(groups.index)
        counts = (self.values[known] == label).groupby(groups[known], observed=True).agg(["sum", "size"])
        tests = [binomtest(int(hits), int(rows)) for hits, rows in counts.to_numpy()]
        intervals = [test.proportion_ci(method="wilson") for test in tests]
        return pd.DataFrame(
            [(test.statistic, low, high) for test, (low, high) in zip(tests, intervals, strict=True)],
            counts.index,
            ["share", "low", "high"],
            dtype=float,
        )


def draw_distribution(column: ColumnProfile, labels: RowLabels) -> Markup:
    """Return the distribution of a column by label, beside the share of the label by its value."""
    drawn = _number(column, labels) if column.is_number else _category(column, labels)
    return svg(drawn, f"{column.title}: distribution by label, and share of {', '.join(labels.shown)}")


def _number(column: ColumnProfile, labels: RowLabels) -> Figure:
    drawn, (left, right) = _pair(2.7, left=0.6, bottom=0.5)
    _histogram(left, column, labels)
    centres = column.known.groupby(column.bands).mean()
    for label in labels.shown:
        colour, shares = labels.colours[label], labels.shares(column.bands, label)
        right.axhline(labels.share(label), color=colour, linewidth=1, linestyle="dotted")
        right.vlines(centres[shares.index], shares["low"], shares["high"], color=colour, linewidth=1.4)
        right.plot(
            centres[shares.index], shares["share"], color=colour, marker="o", markersize=4, linewidth=1
        )
    left.set_title("Share of the label's rows")
    right.set_title(labels.title)
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(TICKS, steps=STEPS))
        axes.xaxis.set_major_formatter(NUMBERS)
        axes.yaxis.set_major_locator(MaxNLocator(TICKS - 1, steps=STEPS))
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.set_ylim(bottom=0)
        axes.set_xlabel(column.unit or "")
    return drawn


def _pair(height: float, *, left: float, bottom: float) -> tuple[Figure, list[Axes]]:
    drawn, axes = plot(WIDTH, height, columns=2)
    _margins(drawn, left=left, right=0.3, bottom=bottom, top=0.35)
    return drawn, axes


def _margins(drawn: Figure, *, left: float, right: float, bottom: float, top: float) -> None:
    """Set margins, in inches; to find them by measuring all text would take most of the time."""
    width, height = drawn.get_size_inches()
    drawn.set_layout_engine(None)
    drawn.subplots_adjust(left / width, bottom / height, 1 - right / width, 1 - top / height, wspace=0.16)


def _histogram(axes: Axes, column: ColumnProfile, labels: RowLabels) -> None:
    """Draw an outline for each label, without the tails and without a value that most rows have."""
    rest = column.known[column.known != column.common]
    edges = _edges(rest, whole=column.type == "integer")
    for label, colour in labels.colours.items():
        has_label = labels.values[column.known.index] == label
        heights = np.histogram(rest[has_label[rest.index]], edges)[0] / max(1, has_label.sum())
        axes.stairs(heights, edges, fill=True, color=colour, alpha=0.25)
        axes.stairs(heights, edges, color=colour, linewidth=1.4)


def _edges(values: pd.Series, *, whole: bool) -> npt.NDArray[np.floating]:
    """Return the edges of the bins; those of whole numbers lie between them."""
    low, high = values.quantile([TAIL, 1 - TAIL]) if len(values) else (0.0, 1.0)
    if whole:
        step = math.ceil((high - low + 1) / BINS)
        return np.arange(math.floor(low) - 0.5, high + step, step)
    return np.linspace(low, high if high > low else low + 1, BINS + 1)


def _category(column: ColumnProfile, labels: RowLabels) -> Figure:
    levels = _levels(column)
    names = list(levels.cat.categories)
    drawn, (left, right) = _pair(0.65 + 0.25 * len(names), left=2.1, bottom=0.3)
    _bars(left, levels, labels)
    for label in labels.shown:
        colour, shares = labels.colours[label], labels.shares(levels, label)
        places = [names.index(name) for name in shares.index]
        right.axvline(labels.share(label), color=colour, linewidth=1, linestyle="dotted")
        right.hlines(places, shares["low"], shares["high"], color=colour, linewidth=1.4)
        right.plot(shares["share"], places, "o", color=colour, markersize=5)
    left.set_yticks(range(len(names)), [_short(name) for name in names])
    right.set_yticks(range(len(names)), [])
    right.xaxis.set_major_locator(MaxNLocator(TICKS, steps=STEPS))
    right.xaxis.set_major_formatter(PercentFormatter(1))
    left.set_title("Rows")
    right.set_title(labels.title)
    for axes in (left, right):
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlim(left=0)
    return drawn


def _levels(column: ColumnProfile) -> pd.Series:
    """Return the levels of all rows but the unfit; the rarest count as one level, and missing is one too."""
    values, names = column.values, list(column.values.cat.categories)
    if len(names) > LEVELS:
        frequent = set(values.value_counts().index[: LEVELS - 1])
        together = f"({len(names) - len(frequent)} others)"
        values = values.cat.add_categories(together)
        values = values.where(values.isna() | values.isin(frequent), together)
        names = [*(name for name in names if name in frequent), together]
    if column.missing.any():
        values = values.cat.add_categories(MISSING).mask(column.missing, MISSING)
        names = [*names, MISSING]
    return values.cat.set_categories(names)


def _bars(axes: Axes, levels: pd.Series, labels: RowLabels) -> None:
    """Draw the rows of each level, stacked by label."""
    start = np.zeros(len(levels.cat.categories))
    for label, colour in labels.colours.items():
        counts = levels[labels.values == label].value_counts(sort=False).to_numpy()
        axes.barh(range(len(counts)), counts, left=start, color=colour, alpha=0.85, height=0.72)
        start += counts
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(TICKS, integer=True, steps=STEPS))
    axes.xaxis.set_major_formatter(NUMBERS)


def _short(name: str) -> str:
    return name if len(name) <= LETTERS else name[: LETTERS - 1] + "…"


def heat_map(associations: pd.DataFrame, titles: Mapping[str, str]) -> Markup:
    """Draw the lower triangle of a square of associations, with its numbers: all, or the strong ones."""
    names = [_short(titles[name]) for name in associations]
    left, right = 2.1, 0.2
    width = min(PAGE_WIDTH, 2.5 + len(names))
    drawn, (axes,) = plot(width, 1.7 + 0.42 * len(names))
    _margins(drawn, left=left, right=right, bottom=1.4, top=0.1)
    is_narrow = width - left - right < NARROW * (len(names) - 1)
    for column, row in combinations(range(len(names)), 2):
        _cell(axes, column, row, associations.iloc[row, column], narrow=is_narrow)
    axes.set(xlim=(-0.5, len(names) - 1.5), ylim=(len(names) - 0.5, 0.5))
    axes.set_xticks(range(len(names) - 1), names[:-1], rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(1, len(names)), names[1:])
    axes.grid(visible=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    return svg(drawn, "Associations of all pairs of columns")


def _cell(axes: Axes, column: int, row: int, value: float, *, narrow: bool) -> None:
    """Draw one association; where it is narrow, with its number only if that is strong, and a small one."""
    if np.isnan(value):
        return
    colour = ACCENT if value >= 0 else SECOND
    strength = abs(value) * DEEPEST
    axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=colour, alpha=strength))
    is_strong = abs(value) >= STRONG
    if is_strong or not narrow:
        weight, size = "bold" if is_strong else "normal", 7 if narrow else 10
        axes.text(column, row, f"{value:z.2f}", ha="center", va="center", fontweight=weight, fontsize=size)
