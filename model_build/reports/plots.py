"""The plots of the model card."""

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
from model_build.artifacts import CalibrationBin, Curve, Curves, Dependence, Evaluation, Explanation, Interval
from model_build.evaluation.importance import ROWS
from model_build.fairness_report import Group, Protected
from model_build.reports.svg import ACCENT, INK, LINE, MUTED, SECOND, THIRD, new_plot, to_svg
from model_build.spec.sections import RARE

WIDTH, HEIGHT = 6.0, 4.2  # inches
UNIT = (-0.02, 1.02)
"""From 0 to 1, with room for a dot at either end."""
LINE_HEIGHT = 0.27  # inches for one level on an axis of levels
MOST_IMPORTANT = 50
"""The features of which the importance is shown."""
LONGEST_NAME = 28
TICKS = 6
MOST_UPRIGHT_NAMES = 3  # more names of labels below the confusion matrix are slanted
LEGEND_COLUMNS = 3
SHADE = 0.35  # opacity of the fullest cell; its text stays readable in light and dark mode
FOUR_FIFTHS = (0.8, 1.25)
STYLES = [(colour, dash) for dash in ("-", "--", ":") for colour in (ACCENT, SECOND, THIRD, MUTED)]
"""Labels take these in turn, which distinguishes a dozen labels."""


@dataclass(frozen=True)
class Plot:
    """A plot, with the caption that stands below it."""

    title: str
    caption: str
    drawing: Markup


def plot_performance(target: Target, curves: Curves, evaluation: Evaluation) -> list[Plot]:
    """Draw the confusion matrix and the curves that exist: ROC, precision and recall, calibration, lift.

    If positives are rare, precision and recall come first.
    """
    point = _operating_point(target, evaluation)
    plots = []
    if curves.roc:
        plots.append(_plot_roc(curves.roc, point))
    if curves.precision_recall:
        first = 0 if _has_rare_positives(target, evaluation) else len(plots)
        plots.insert(first, _plot_precision_recall(curves.precision_recall, point))
    if curves.calibration:
        plots.append(_plot_calibration(curves.calibration))
    if curves.lift:
        plots.append(_plot_lift(curves.lift))
    return [*plots, _plot_confusion(target, evaluation)]


def _has_rare_positives(target: Target, evaluation: Evaluation) -> bool:
    """Return whether the ROC curve looks good whatever the model does with the few positives."""
    if not target.is_binary:
        return False
    return sum(evaluation.confusion_matrix[target.positive_index]) < RARE * evaluation.rows


@dataclass(frozen=True)
class OperatingPoint:
    """Where the threshold puts the model on its curves."""

    false_positive_rate: float
    recall: float
    precision: float
    threshold: float


def _operating_point(target: Target, evaluation: Evaluation) -> OperatingPoint | None:
    """Return None for more than two labels, and where a rate would divide by 0."""
    if not target.is_binary:
        return None
    counts = np.array(evaluation.confusion_matrix)
    positive = target.positive_index
    true_positives, false_positives = counts[positive, positive], counts[1 - positive, positive]
    rows = counts.sum(axis=1)
    if not (true_positives + false_positives) or not rows.all():
        return None
    return OperatingPoint(
        false_positive_rate=float(false_positives / rows[1 - positive]),
        recall=float(true_positives / rows[positive]),
        precision=float(true_positives / (true_positives + false_positives)),
        threshold=target.threshold,
    )


def _plot_roc(curves: Mapping[str, Curve], point: OperatingPoint | None) -> Plot:
    plot, [axes] = new_plot(WIDTH, HEIGHT)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=":")
    _draw_curves(axes, curves)
    _add_legend(plot, curves)
    if point:
        _mark_threshold(axes, point.false_positive_rate, point.recall, point.threshold)
    axes.set(xlabel="False positive rate", ylabel="True positive rate", xlim=UNIT, ylim=UNIT)
    caption = "The share of the positives that the model finds, against its false alarms. Dotted: chance."
    return Plot("ROC curve", caption, to_svg(plot, "ROC curve"))


def _plot_precision_recall(curves: Mapping[str, Curve], point: OperatingPoint | None) -> Plot:
    plot, [axes] = new_plot(WIDTH, HEIGHT)
    _draw_curves(axes, curves)
    _add_legend(plot, curves)
    if point:
        _mark_threshold(axes, point.recall, point.precision, point.threshold)
    axes.set(xlabel="Recall", ylabel="Precision", xlim=UNIT, ylim=UNIT)
    caption = "The share of the predicted positives that are right, against the share of the positives found."
    return Plot("Precision and recall", caption, to_svg(plot, "Precision and recall"))


def _plot_lift(curves: Mapping[str, Curve]) -> Plot:
    plot, [axes] = new_plot(WIDTH, HEIGHT)
    axes.axhline(1, color=MUTED, linewidth=1, linestyle=":")
    _draw_curves(axes, curves)
    _add_legend(plot, curves)
    axes.set(xlabel="Share of the rows, the likeliest first", ylabel="Lift", xlim=UNIT)
    axes.set_ylim(bottom=0)
    caption = "How many times as many positives these rows hold as randomly drawn rows do. Dotted: chance."
    return Plot("Lift", caption, to_svg(plot, "Lift"))


def _draw_curves(axes: Axes, curves: Mapping[str, Curve]) -> None:
    for (label, curve), (colour, dash) in zip(curves.items(), cycle(STYLES), strict=False):
        axes.plot(curve.x, curve.y, color=colour, linestyle=dash, linewidth=1.8, label=_shorten(label))


def _add_legend(plot: Figure, labels: Mapping[str, Any]) -> None:
    """Name the curves below the axes; a single curve needs no name."""
    if len(labels) > 1:
        plot.legend(loc="outside lower center", ncols=LEGEND_COLUMNS, fontsize="small")


def _mark_threshold(axes: Axes, x: float, y: float, threshold: float) -> None:
    """Mark the operating point, with its name on the side that has room."""
    axes.plot([x], [y], "o", color=SECOND, markersize=7)
    is_on_the_right = x > 0.5  # noqa: PLR2004 - the middle
    axes.annotate(
        f"threshold {threshold:.3g}",
        (x, y),
        (-9 if is_on_the_right else 9, -14),
        textcoords="offset points",
        ha="right" if is_on_the_right else "left",
    )


def _plot_calibration(bins_by_label: Mapping[str, Sequence[CalibrationBin]]) -> Plot:
    plot, [axes] = new_plot(WIDTH, HEIGHT)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=":")
    for (label, bins), (colour, dash) in zip(bins_by_label.items(), cycle(STYLES), strict=False):
        x, y = [bin_.predicted for bin_ in bins], [bin_.observed.value for bin_ in bins]
        ends = [bin_.observed.low for bin_ in bins], [bin_.observed.high for bin_ in bins]
        axes.vlines(x, *ends, colour, linewidth=1.8)
        axes.plot(x, y, dash, marker="o", color=colour, linewidth=1, markersize=5, label=_shorten(label))
    _add_legend(plot, bins_by_label)
    axes.set(xlabel="Predicted probability", ylabel="Observed share", xlim=UNIT, ylim=UNIT)
    caption = (
        "The predicted probability against the observed share, in bins of equally many rows. Dotted: perfect."
    )
    return Plot("Calibration", caption, to_svg(plot, "Calibration"))


def _plot_confusion(target: Target, evaluation: Evaluation) -> Plot:
    counts = np.array(evaluation.confusion_matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = len(target.labels)
    plot, [axes] = new_plot(WIDTH, max(HEIGHT, size * 0.6 + 1))
    for (row, column), count in np.ndenumerate(counts):
        share = shares[row, column]
        corner = (column - 0.5, row - 0.5)
        axes.add_patch(Rectangle(corner, 1, 1, facecolor=ACCENT, alpha=0.03 + (SHADE - 0.03) * share))
        axes.text(column, row, f"{count:,}\n{share:.1%}", ha="center", va="center", color=INK)
    names = [_shorten(label) for label in target.labels]
    is_upright = size <= MOST_UPRIGHT_NAMES
    rotation, alignment = (0, "center") if is_upright else (30, "right")
    axes.set_xticks(range(size), names, rotation=rotation, ha=alignment)
    axes.set_yticks(range(size), names)
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), xlabel="Predicted", ylabel="True")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    caption = "Rows of the test split, and their share of the rows with the same true label."
    return Plot("Confusion matrix", caption, to_svg(plot, "Confusion matrix"))


def plot_explanation(target: Target, explanation: Explanation) -> list[Plot]:
    """Draw the importance of the features, if it was measured, and the dependence on each."""
    label = target.positive or target.labels[-1]
    importance = [_plot_importance(explanation)] if explanation.importance else []
    return importance + [_plot_dependence(dependence, label) for dependence in explanation.dependence]


def _plot_importance(explanation: Explanation) -> Plot:
    descending = sorted(explanation.importance, key=lambda importance: -importance.drop.value)
    ranked = descending[:MOST_IMPORTANT][::-1]
    plot, [axes] = new_plot(WIDTH, len(ranked) * LINE_HEIGHT + 0.9)
    axes.axvline(0, color=MUTED, linewidth=1)
    names, drops = [importance.feature for importance in ranked], [importance.drop for importance in ranked]
    _draw_intervals(axes, names, drops, ACCENT)
    axes.set(xlabel="Drop of the ROC AUC")
    caption = (
        "How much the ROC AUC of the test split drops when a feature's values are shuffled. "
        "The intervals cover the shuffles, not the rows."
    )
    if len(descending) > MOST_IMPORTANT:
        caption += f" The first {MOST_IMPORTANT} of {len(descending):,} features."
    return Plot("Importance of the features", caption, to_svg(plot, "Importance of the features"))


def _plot_dependence(dependence: Dependence, label: str) -> Plot:
    axis_label = f"Mean probability of {_shorten(label)}"
    if dependence.numbers is None:
        plot = _draw_levels(dependence, axis_label)
    else:
        plot = _draw_numbers(dependence, dependence.numbers, axis_label)
    caption = f"The mean over at most {ROWS:,} test rows, if every row had this value."
    title = f"Dependence on {dependence.feature}"
    return Plot(title, caption, to_svg(plot, title))


def _draw_levels(dependence: Dependence, axis_label: str) -> Figure:
    count = len(dependence.values)
    plot, [axes] = new_plot(WIDTH, max(HEIGHT, count * LINE_HEIGHT + 0.9))
    order = sorted(range(count), key=lambda position: dependence.scores[position])
    scores = [dependence.scores[position] for position in order]
    axes.hlines(range(count), 0, scores, ACCENT, linewidth=1.6)
    axes.plot(scores, range(count), "o", color=ACCENT, markersize=5)
    axes.set_yticks(range(count), [_shorten(dependence.values[position]) for position in order])
    axes.set(xlabel=axis_label)
    axes.grid(visible=False, axis="y")
    _begin_at_zero(axes)
    return plot


def _draw_numbers(dependence: Dependence, numbers: Sequence[float], axis_label: str) -> Figure:
    plot, [axes] = new_plot(WIDTH, HEIGHT)
    if _are_uneven(numbers):
        axes.plot(dependence.scores, ".-", color=ACCENT, linewidth=1.8)
        ticks = np.linspace(0, len(numbers) - 1, min(len(numbers), TICKS)).round().astype(int).tolist()
        axes.set_xticks(ticks, [dependence.values[position] for position in ticks])
        axes.set(xlabel=f"{dependence.feature}, its values at equal distances")
    else:
        axes.plot(numbers, dependence.scores, ".-", color=ACCENT, linewidth=1.8)
        axes.set(xlabel=dependence.feature)
        if max(map(abs, numbers)) >= 1000:  # noqa: PLR2004 - the first number with a thousands separator
            axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set(ylabel=axis_label, ylim=(0, 1.1 * max(dependence.scores) or 1))
    return plot


def _are_uneven(numbers: Sequence[float]) -> bool:
    """Return whether a few wide gaps would press most of the numbers together."""
    gaps = np.diff(numbers)
    return bool(gaps.size and np.median(gaps) < gaps.mean() / 2)


def plot_fairness(protected: Protected) -> list[Plot]:
    """Draw how often the model selects each group, and how often it is wrong about it."""
    groups = list(reversed(protected.groups))
    return [_plot_selection(protected, groups), _plot_errors(protected, groups)]


def _plot_selection(protected: Protected, groups: Sequence[Group]) -> Plot:
    title = f"Selection rate by {protected.feature}{_of_label(protected)}"
    plot, [axes] = new_plot(WIDTH, len(groups) * LINE_HEIGHT + 0.9)
    reference = next(group for group in groups if group.level == protected.reference)
    axes.axvspan(*(reference.selection_rate.value * share for share in FOUR_FIFTHS), color=LINE, alpha=0.6)
    _draw_intervals(axes, _levels(groups), [group.selection_rate for group in groups], ACCENT)
    label = "the positive label" if protected.label is None else _shorten(protected.label)
    axes.set(xlabel=f"Share with {label} predicted")
    _begin_at_zero(axes)
    caption = f"Shaded: 80 % to 125 % of the rate of {protected.reference}, the reference group."
    return Plot(title, caption, to_svg(plot, title))


def _plot_errors(protected: Protected, groups: Sequence[Group]) -> Plot:
    title = f"Errors by {protected.feature}{_of_label(protected)}"
    plot, [left, right] = new_plot(WIDTH, len(groups) * LINE_HEIGHT + 0.9, columns=2)
    _draw_intervals(left, _levels(groups), [group.false_positive_rate for group in groups], ACCENT)
    _draw_intervals(right, _levels(groups), [group.false_negative_rate for group in groups], SECOND)
    left.set(xlabel="False positive rate")
    right.set(xlabel="False negative rate")
    right.tick_params(labelleft=False)
    for axes in (left, right):
        axes.locator_params(axis="x", nbins=4)
        _begin_at_zero(axes)
    caption = "How often the model takes a negative for a positive, and a positive for a negative."
    return Plot(title, caption, to_svg(plot, title))


def _of_label(protected: Protected) -> str:
    return "" if protected.label is None else f": {protected.label}"


def _begin_at_zero(axes: Axes) -> None:
    """Begin the axis at 0, with enough room on the left for a dot at 0 to stand clear of its name."""
    _, right = axes.get_xlim()
    axes.set_xlim(-0.04 * right, right)


def _levels(groups: Sequence[Group]) -> list[str]:
    return [group.level for group in groups]


def _draw_intervals(
    axes: Axes, names: Sequence[str], intervals: Sequence[Interval | None], colour: str
) -> None:
    """Draw horizontal intervals, one a line, with a dot at the value; of a None only the name."""
    measured = [(line, interval) for line, interval in enumerate(intervals) if interval is not None]
    lines = [line for line, _ in measured]
    ends = [interval.low for _, interval in measured], [interval.high for _, interval in measured]
    axes.hlines(lines, *ends, colour, linewidth=1.8)
    values = [interval.value for _, interval in measured]
    axes.plot(values, lines, "o", color=colour, markersize=6, clip_on=False)
    axes.set_yticks(range(len(names)), [_shorten(name) for name in names])
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.grid(visible=False, axis="y")


def _shorten(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
