"""The curves as flat tables, one point a line, as `dvc plots` draws them and compares commits."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from model_build.artifacts import CalibrationBin, Curve, Curves

AXES = {
    "roc": ("false_positive_rate", "true_positive_rate"),
    "precision_recall": ("recall", "precision"),
    "lift": ("share_of_rows", "lift"),
    "calibration": ("predicted", "observed"),
}
FILES = tuple(f"{name}.csv" for name in AXES)


def write_curve_tables(curves: Curves, directory: Path) -> None:
    """Write a table for each kind of curve, with the columns label and those of AXES."""
    points = {
        "roc": _of_curves(curves.roc),
        "precision_recall": _of_curves(curves.precision_recall),
        "lift": _of_curves(curves.lift),
        "calibration": _of_bins(curves.calibration),
    }
    for name, axes in AXES.items():
        table = pd.DataFrame(points[name], columns=["label", *axes])
        table.to_csv(directory / f"{name}.csv", index=False)


def _of_curves(curves: Mapping[str, Curve]) -> list[tuple[str, float, float]]:
    return [(label, x, y) for label, curve in curves.items() for x, y in zip(curve.x, curve.y, strict=True)]


def _of_bins(bins: Mapping[str, tuple[CalibrationBin, ...]]) -> list[tuple[str, float, float]]:
    return [(label, each.predicted, each.observed.value) for label, found in bins.items() for each in found]
