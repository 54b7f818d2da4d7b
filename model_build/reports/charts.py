"""The figures of the model card."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from app.core.contract import Target
from model_build.artifacts import (
    CalibrationBin,
    Curve,
    Curves,
    Dependence,
    Evaluation,
    Explanation,
    Group,
    Interval,
    Protected,
)
from model_build.evaluation.importance import ROWS
from model_build.reports.svg import ACCENT, INK, LINE, MUTED, SECOND, THIRD, plot, svg

WIDTH, HEIGHT = 6.0, 4.2  # inches
UNIT = (-0.02, 1.02)
"""From 0 to 1, with room for a dot."""
LINE_HEIGHT = 0.27  # of one level on an axis of levels
LONGEST_NAME = 28
TICKS = 6
UPRIGHT = NAMES_IN_A_LINE = 3
"""So many names of labels stand beside each other; of more, they lean."""
SHADE = 0.35  # of the fullest cell: its text must stay readable, in the light and in the dark
FOUR_FIFTHS = (0.8, 1.25)
STYLES = [(colour, dash) for dash in ("-", "--", ":") for colour in (ACCENT, SECOND, THIRD, MUTED)]
"""Labels take these in turn, so that a dozen of them can be told apart."""


@dataclass(frozen=True)
class Chart:
    """A figure and what stands below it."""

    title: str
    caption: str
    drawing: Markup


def performance(target: Target, curves: Curves, evaluation: Evaluation) -> list[Chart]:
    """Draw ROC, precision and recall, calibration and lift, each if it has a curve, and the confusion."""
    point = _operating_point(target, evaluation)
    charts = []
    if curves.roc:
        charts.append(_roc(curves.roc, point))
    if curves.precision_recall:
        charts.append(_precision_recall(curves.precision_recall, point))
    if curves.calibration:
        charts.append(_calibration(curves.calibration))
    if curves.lift:
        charts.append(_lift(curves.lift))
    return [*charts, _confusion(target, evaluation)]


@dataclass(frozen=True)
class Point:
    """Where the threshold puts the model on its curves."""

    false_positive_rate: float
    recall: float
    precision: float
    threshold: float


def _operating_point(target: Target, evaluation: Evaluation) -> Point | None:
    if not target.is_binary:
        return None
    counts = np.array(evaluation.confusion_matrix)
    positive = target.positive_index
    hits, alarms = counts[positive, positive], counts[1 - positive, positive]
    rows = counts.sum(axis=1)
    if not (hits + alarms) or not rows.all():
        return None
    return Point(
        false_positive_rate=float(alarms / rows[1 - positive]),
        recall=float(hits / rows[positive]),
        precision=float(hits / (hits + alarms)),
        threshold=target.threshold,
    )


def _roc(curves: Mapping[str, Curve], point: Point | None) -> Chart:
    made, [axes] = plot(WIDTH, HEIGHT)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=":")
    _lines(axes, curves)
    _name_labels(made, curves)
    if point:
        _mark(axes, point.false_positive_rate, point.recall, point.threshold)
    axes.set(xlabel="False positive rate", ylabel="True positive rate", xlim=UNIT, ylim=UNIT)
    caption = "How many positives are found, against how many negatives are taken for one. Dotted: chance."
    return Chart("ROC curve", caption, svg(made, "ROC curve"))


def _precision_recall(curves: Mapping[str, Curve], point: Point | None) -> Chart:
    made, [axes] = plot(WIDTH, HEIGHT)
    _lines(axes, curves)
    _name_labels(made, curves)
    if point:
        _mark(axes, point.recall, point.precision, point.threshold)
    axes.set(xlabel="Recall", ylabel="Precision", xlim=UNIT, ylim=UNIT)
    caption = "How many of those taken for positive are, against how many of the positives are found."
    return Chart("Precision and recall", caption, svg(made, "Precision and recall"))


def _lift(curves: Mapping[str, Curve]) -> Chart:
    made, [axes] = plot(WIDTH, HEIGHT)
    axes.axhline(1, color=MUTED, linewidth=1, linestyle=":")
    _lines(axes, curves)
    _name_labels(made, curves)
    axes.set(xlabel="Share of the rows, the likeliest first", ylabel="Lift", xlim=UNIT)
    axes.set_ylim(bottom=0)
    caption = "How many times as many positives as in rows drawn by chance. Dotted: chance."
    return Chart("Lift", caption, svg(made, "Lift"))


def _lines(axes: Axes, curves: Mapping[str, Curve]) -> None:
    for (label, curve), (colour, dash) in zip(curves.items(), cycle(STYLES), strict=False):
        axes.plot(curve.x, curve.y, color=colour, linestyle=dash, linewidth=1.8, label=_short(label))


def _name_labels(made: Figure, labels: Mapping[str, Any]) -> None:
    """Name the curves below the axes; one needs no name."""
    if len(labels) > 1:
        made.legend(loc="outside lower center", ncols=NAMES_IN_A_LINE, fontsize="small")


def _mark(axes: Axes, x: float, y: float, threshold: float) -> None:
    """Mark the operating point, with its name on the side where there is room."""
    axes.plot([x], [y], "o", color=SECOND, markersize=7)
    left = x > 0.5  # noqa: PLR2004 - the middle
    axes.annotate(
        f"threshold {threshold:.3g}",
        (x, y),
        (-9 if left else 9, -14),
        textcoords="offset points",
        ha="right" if left else "left",
    )


def _calibration(bins: Mapping[str, Sequence[CalibrationBin]]) -> Chart:
    made, [axes] = plot(WIDTH, HEIGHT)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=":")
    for (label, found), (colour, dash) in zip(bins.items(), cycle(STYLES), strict=False):
        x, y = [each.predicted for each in found], [each.observed.value for each in found]
        ends = [each.observed.low for each in found], [each.observed.high for each in found]
        axes.vlines(x, *ends, colour, linewidth=1.8)
        axes.plot(x, y, dash, marker="o", color=colour, linewidth=1, markersize=5, label=_short(label))
    _name_labels(made, bins)
    axes.set(xlabel="Predicted probability", ylabel="Observed share", xlim=UNIT, ylim=UNIT)
    caption = "What is predicted, against what came true, in bins with equally many rows. Dotted: perfect."
    return Chart("Calibration", caption, svg(made, "Calibration"))


def _confusion(target: Target, evaluation: Evaluation) -> Chart:
    counts = np.array(evaluation.confusion_matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = len(target.labels)
    made, [axes] = plot(WIDTH, max(HEIGHT, size * 0.6 + 1))
    for (row, column), count in np.ndenumerate(counts):
        share = shares[row, column]
        corner = (column - 0.5, row - 0.5)
        axes.add_patch(Rectangle(corner, 1, 1, facecolor=ACCENT, alpha=0.03 + (SHADE - 0.03) * share))
        axes.text(column, row, f"{count:,}\n{share:.1%}", ha="center", va="center", color=INK)
    names = [_short(label) for label in target.labels]
    upright = size <= UPRIGHT
    axes.set_xticks(range(size), names, rotation=0 if upright else 30, ha="center" if upright else "right")
    axes.set_yticks(range(size), names)
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), xlabel="Predicted", ylabel="True")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    caption = "Rows of the test split, and what share of their true label they are."
    return Chart("Confusion matrix", caption, svg(made, "Confusion matrix"))


def explanation(target: Target, found: Explanation) -> list[Chart]:
    """Draw importance, if it was measured, and dependence."""
    important = [_importance(found)] if found.importance else []
    return important + [_dependence(each, target.positive or target.labels[-1]) for each in found.dependence]


def _importance(explanation: Explanation) -> Chart:
    found = sorted(explanation.importance, key=lambda each: each.drop.value)
    made, [axes] = plot(WIDTH, len(found) * LINE_HEIGHT + 0.9)
    axes.axvline(0, color=MUTED, linewidth=1)
    _across(axes, [each.feature for each in found], [each.drop for each in found], ACCENT)
    axes.set(xlabel="Fall of the ROC AUC")
    caption = (
        "By how much the ROC AUC of the test split falls when a feature's values are shuffled. "
        "The intervals are about the shuffles, not the rows."
    )
    return Chart("Importance of the features", caption, svg(made, "Importance of the features"))


def _dependence(found: Dependence, label: str) -> Chart:
    mean = f"Mean probability of {_short(label)}"
    made = _by_level(found, mean) if found.numbers is None else _by_number(found, found.numbers, mean)
    caption = f"The mean over a sample of the test rows, {ROWS:,} at most, were each to have the value."
    title = f"Dependence on {found.feature}"
    return Chart(title, caption, svg(made, title))


def _by_level(found: Dependence, mean: str) -> Figure:
    made, [axes] = plot(WIDTH, max(HEIGHT, len(found.values) * LINE_HEIGHT + 0.9))
    order = sorted(range(len(found.values)), key=lambda position: found.scores[position])
    scores = [found.scores[position] for position in order]
    axes.hlines(range(len(order)), 0, scores, ACCENT, linewidth=1.6)
    axes.plot(scores, range(len(order)), "o", color=ACCENT, markersize=5)
    axes.set_yticks(range(len(order)), [_short(found.values[position]) for position in order])
    axes.set(xlabel=mean)
    axes.grid(visible=False, axis="y")
    _begin_at_zero(axes)
    return made


def _by_number(found: Dependence, numbers: Sequence[float], mean: str) -> Figure:
    made, [axes] = plot(WIDTH, HEIGHT)
    if _are_uneven(numbers):
        axes.plot(found.scores, ".-", color=ACCENT, linewidth=1.8)
        ticks = np.linspace(0, len(numbers) - 1, min(len(numbers), TICKS)).round().astype(int).tolist()
        axes.set_xticks(ticks, [found.values[position] for position in ticks])
        axes.set(xlabel=f"{found.feature}, its values at equal distances")
    else:
        axes.plot(numbers, found.scores, ".-", color=ACCENT, linewidth=1.8)
        axes.set(xlabel=found.feature)
        if max(map(abs, numbers)) >= 1000:  # noqa: PLR2004 - from where on digits group
            axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set(ylabel=mean, ylim=(0, 1.1 * max(found.scores) or 1))
    return made


def _are_uneven(numbers: Sequence[float]) -> bool:
    """Whether a few wide gaps would press most of the numbers together."""
    gaps = np.diff(numbers)
    return bool(gaps.size and np.median(gaps) < gaps.mean() / 2)


def fairness(protected: Protected) -> list[Chart]:
    """Draw how often each group is selected, and how often wrongly."""
    groups = list(reversed(protected.groups))
    title = f"Selection rate by {protected.feature}"
    selected, [axes] = plot(WIDTH, len(groups) * LINE_HEIGHT + 0.9)
    rate = next(each for each in groups if each.level == protected.reference).selection_rate.value
    axes.axvspan(*(rate * share for share in FOUR_FIFTHS), color=LINE, alpha=0.6)
    _across(axes, _names(groups), [each.selection_rate for each in groups], ACCENT)
    axes.set(xlabel="Share with the positive label predicted")
    _begin_at_zero(axes)
    caption = f"Shaded: 80 % to 125 % of the rate of {protected.reference}, the reference group."
    return [Chart(title, caption, svg(selected, title)), _errors(protected, groups)]


def _errors(protected: Protected, groups: Sequence[Group]) -> Chart:
    title = f"Errors by {protected.feature}"
    made, [left, right] = plot(WIDTH, len(groups) * LINE_HEIGHT + 0.9, columns=2)
    _across(left, _names(groups), [each.false_positive_rate for each in groups], ACCENT)
    _across(right, _names(groups), [each.false_negative_rate for each in groups], SECOND)
    left.set(xlabel="False positive rate")
    right.set(xlabel="False negative rate")
    right.tick_params(labelleft=False)
    for axes in (left, right):
        axes.locator_params(axis="x", nbins=4)
        _begin_at_zero(axes)
    caption = "How often a negative is taken for a positive, and a positive for a negative."
    return Chart(title, caption, svg(made, title))


def _begin_at_zero(axes: Axes) -> None:
    """Leave as much room left of 0 as a dot there needs to stand clear of its name."""
    _, right = axes.get_xlim()
    axes.set_xlim(-0.04 * right, right)


def _names(groups: Sequence[Group]) -> list[str]:
    return [each.level for each in groups]


def _across(axes: Axes, names: Sequence[str], intervals: Sequence[Interval | None], colour: str) -> None:
    """Draw level intervals with a dot at each value, one below the other; of None only the name."""
    known = [(place, each) for place, each in enumerate(intervals) if each is not None]
    places = [place for place, _ in known]
    axes.hlines(
        places, [each.low for _, each in known], [each.high for _, each in known], colour, linewidth=1.8
    )
    axes.plot([each.value for _, each in known], places, "o", color=colour, markersize=6, clip_on=False)
    axes.set_yticks(range(len(names)), [_short(name) for name in names])
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.grid(visible=False, axis="y")


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
