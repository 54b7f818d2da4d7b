from pathlib import Path

import pytest

from model_build.artifacts import CalibrationBin, Curve, Curves, Interval
from model_build.reports import curve_tables

CURVES = Curves(
    roc={
        "yes": Curve(x=(0, 0.25, 1), y=(0, 0.5, 1), thresholds=(None, 0.7, 0.1)),
        "late": Curve(x=(0, 1), y=(0, 1), thresholds=(None, 0.2)),
    },
    precision_recall={"yes": Curve(x=(1, 0), y=(0.5, 1), thresholds=(0.1, None))},
    lift={"yes": Curve(x=(0.1, 1), y=(2, 1), thresholds=(0.7, 0.1))},
    calibration={
        "yes": (CalibrationBin(rows=9, predicted=0.2, observed=Interval(value=0.3, low=0.1, high=0.5)),)
    },
)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (
            "roc.csv",
            [
                "label,false_positive_rate,true_positive_rate,threshold",
                "yes,0.0,0.0,",
                "yes,0.25,0.5,0.7",
                "yes,1.0,1.0,0.1",
                "late,0.0,0.0,",
                "late,1.0,1.0,0.2",
            ],
        ),
        ("precision_recall.csv", ["label,recall,precision,threshold", "yes,1.0,0.5,0.1", "yes,0.0,1.0,"]),
        ("lift.csv", ["label,share_of_rows,lift,threshold", "yes,0.1,2.0,0.7", "yes,1.0,1.0,0.1"]),
        ("calibration.csv", ["label,predicted,observed", "yes,0.2,0.3"]),
    ],
)
def test_a_table_has_the_points_of_the_curves(tmp_path: Path, name: str, lines: list[str]) -> None:
    curve_tables.write_curve_tables(CURVES, tmp_path)
    assert (tmp_path / name).read_text().splitlines() == lines


def test_every_declared_table_is_written_even_without_curves(tmp_path: Path) -> None:
    curve_tables.write_curve_tables(Curves(roc={}, precision_recall={}, lift={}, calibration={}), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {table.file for table in curve_tables.TABLES}
