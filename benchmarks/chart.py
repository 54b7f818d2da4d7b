"""Charts as SVG, which are small, sharp and the same for the same figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.lineup import OURS
from benchmarks.results import Results
from benchmarks.workloads import HUNDRED, SINGLES, THOUSAND, Workload, named

STYLE: Any = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "benchmarks",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
ACCENT, GREY = "#0b6e99", "#b5b5b5"
COMPARED = (SINGLES, HUNDRED, THOUSAND)
ROOM_FOR_LABELS = 6  # times the largest value, on a logarithmic axis


@dataclass(frozen=True)
class Panel:
    """A line over the x that all panels share."""

    title: str
    values: Sequence[float]
    logarithmic: bool = False


def compare(results: Results, path: Path) -> None:
    """Draw the CPU of one request at every server, a panel for each size."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 1 + 0.28 * len(results.titles)), layout="constrained")
        axes = figure.subplots(1, len(COMPARED), sharey=True)
        for axis, workload in zip(axes, COMPARED, strict=True):
            _bars(axis, results, workload)
        axes[0].invert_yaxis()
        save(figure, path)


def _bars(axes: Axes, results: Results, workload: Workload) -> None:
    found = {name: results.figures(name, workload) for name in results.titles}
    values = [figures.cpu_us if figures else 0 for figures in found.values()]
    colours = [ACCENT if name == OURS else GREY for name in found]
    bars = axes.barh([results.titles[name] for name in found], values, color=colours)
    axes.bar_label(bars, [f"{value:,.0f}" if value else "" for value in values], padding=3)
    axes.set_xscale("log")
    axes.set_xlim(10, max(values) * ROOM_FOR_LABELS)
    axes.set_title(f"CPU µs per request, {named(workload.rows)}")


def lines(title: str, x_label: str, x: Sequence[float], panels: Sequence[Panel], path: Path) -> None:
    """Draw panels side by side over the same x."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.2 * len(panels), 3), layout="constrained")
        figure.suptitle(title)
        for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            _line(axes, x_label, x, panel)
        save(figure, path)


def _line(axes: Axes, x_label: str, x: Sequence[float], panel: Panel) -> None:
    axes.plot(x, panel.values, marker="o", color=ACCENT)
    if panel.logarithmic:
        axes.set_xscale("log")
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xticks(x, [f"{each:,g}" for each in x])
    axes.set_xticks([], minor=True)
    axes.set_xlabel(x_label)
    axes.set_title(panel.title)


def save(figure: Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None})
