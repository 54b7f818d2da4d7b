import json
from pathlib import Path

import numpy as np
import pytest

from app.core.base_feature import Missing
from app.core.contract import Target
from app.core.encoders import Encoder
from model_build.export.drift_baseline import compute_drift_baseline
from tests.support.features import grade, rate, secured, years

TARGET = Target(name="paid", labels=("no", "yes"), positive="yes")
FEATURES = (
    years(),
    rate(missing=Missing(markers=("n/a",))),
    grade(missing=Missing(markers=("?",))),
    secured(),
)
EDGES = [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5]
EDGES += [0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1]


def test_whole_document_of_a_small_example() -> None:
    values = [
        *((years, 4.0, "A", True) for years in range(1, 8)),
        (8, 6.0, "C", False),
        (9, None, "?", False),
        (10, None, None, True),
        (11, 8.0, "C", True),
    ]
    names = [feature.name for feature in FEATURES]
    matrix = Encoder(FEATURES)([dict(zip(names, cells, strict=True)) for cells in values])
    yes = np.array([0, 0.01, 0.06, 0.07, 0.11, 0.51, 0.51, 0.52, 0.99, 1, 1])
    assert compute_drift_baseline(FEATURES, TARGET, matrix, np.column_stack([1 - yes, yes])) == {
        "rows": 11,
        "features": {
            "years": {"edges": list(range(1, 12)), "counts": [1] * 9 + [2], "missing": 0},
            "rate": {"edges": [4, 6, 8], "counts": [7, 2], "missing": 2},
            "grade": {"counts": {"A": 7, "B": 0, "C": 2}, "missing": 2},
            "secured": {"counts": {"false": 2, "true": 9}, "missing": 0},
        },
        "scores": {
            "no": {"edges": pytest.approx(EDGES), "counts": [3] + [0] * 8 + [3] + [0] * 7 + [1, 2, 2]},
            "yes": {"edges": pytest.approx(EDGES), "counts": [2, 2, 1] + [0] * 7 + [3] + [0] * 8 + [3]},
        },
    }


@pytest.mark.parametrize(
    ("values", "histogram"),
    [
        ([5, 5, 5], {"edges": [5], "counts": [3], "missing": 0}),
        ([5, 7, 7], {"edges": [5, 7], "counts": [3], "missing": 0}),
        ([3, 5, 7], {"edges": [3, 5, 7], "counts": [1, 2], "missing": 0}),
    ],
)
def test_number_with_few_values_has_few_bins(values: list[int], histogram: dict[str, object]) -> None:
    matrix = np.array(values, dtype=np.float32)[:, None]
    baseline = compute_drift_baseline([years()], TARGET, matrix, np.full((3, 2), 0.5))
    assert baseline["features"] == {"years": histogram}


def test_counts_sum_to_the_rows(tiny_model: Path) -> None:
    baseline = json.loads((tiny_model / "reference.json").read_text())
    assert baseline["rows"] > 0
    sums = {
        name: sum(bins["counts"].values() if isinstance(bins["counts"], dict) else bins["counts"])
        + bins.get("missing", 0)
        for name, bins in (baseline["features"] | baseline["scores"]).items()
    }
    assert sums == dict.fromkeys(["years", "rate", "grade", "secured", "no", "yes"], baseline["rows"])
