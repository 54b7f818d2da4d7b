"""The curves as flat tables with one point a line, which `dvc plots` draws and compares between commits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from model_build.artifacts import CalibrationBin, Curve, Curves


@dataclass(frozen=True)
class CurveTable:
    """The file of a kind of curve; its columns are `label`, `x` and `y`, and of most the `threshold`."""

    file: str
    title: str
    x: str
    y: str
    has_thresholds: bool = True

    @property
    def columns(self) -> list[str]:
        return ["label", self.x, self.y, *(["threshold"] if self.has_thresholds else [])]


ROC = CurveTable("roc.csv", "ROC curve", "false_positive_rate", "true_positive_rate")
PRECISION_RECALL = CurveTable("precision_recall.csv", "Precision and recall", "recall", "precision")
LIFT = CurveTable("lift.csv", "Lift", "share_of_rows", "lift")
CALIBRATION = CurveTable("calibration.csv", "Calibration", "predicted", "observed", has_thresholds=False)
TABLES = (ROC, PRECISION_RECALL, LIFT, CALIBRATION)


def write_curve_tables(curves: Curves, directory: Path) -> None:
    """Write every table of TABLES, with no rows for a kind of curve that there is none of."""
    points: dict[CurveTable, Sequence[tuple[Any, ...]]] = {
        ROC: _curve_points(curves.roc),
        PRECISION_RECALL: _curve_points(curves.precision_recall),
        LIFT: _curve_points(curves.lift),
        CALIBRATION: _bin_points(curves.calibration),
    }
    for table in TABLES:
        frame = pd.DataFrame(points[table], columns=table.columns)
        frame.to_csv(directory / table.file, index=False)


def _curve_points(curves: Mapping[str, Curve]) -> list[tuple[str, float, float, float | None]]:
    return [
        (label, *point)
        for label, curve in curves.items()
        for point in zip(curve.x, curve.y, curve.thresholds, strict=True)
    ]


def _bin_points(bins_by_label: Mapping[str, tuple[CalibrationBin, ...]]) -> list[tuple[str, float, float]]:
    return [
        (label, bin_.predicted, bin_.observed.value) for label, bins in bins_by_label.items() for bin_ in bins
    ]
