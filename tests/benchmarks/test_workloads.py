import json
from pathlib import Path

import pandas as pd

from app.core.base_feature import Missing
from app.core.features import CategoryFeature, Feature, IntegerFeature, NumberFeature
from app.core.values import Row
from benchmarks.workloads import BODY_SIZES, WORKLOADS, as_csv, as_inputs, make_bodies, read_rows
from model_build.data.row_files import write_rows

FEATURES: tuple[Feature, ...] = (
    IntegerFeature(type="integer", name="age", title="Age", minimum=0, maximum=120, example=1),
    NumberFeature(
        type="number", name="rate", title="Rate", minimum=0, maximum=9, example=1, missing=Missing()
    ),
    CategoryFeature(
        type="category",
        name="work",
        title="Work",
        categories=("office", "field"),
        missing=Missing(markers=("?",)),
        example="field",
    ),
)
ROWS = [{"age": age} for age in range(3_000)]


def inputs(body: bytes) -> list[dict[str, int]]:
    rows: list[dict[str, int]] = json.loads(body)["inputs"]
    return rows


def test_rows_of_a_bake_are_read_as_a_client_sends_them(tmp_path: Path) -> None:
    path = tmp_path / "test.parquet"
    columns = {"age": [39.0, 40.0], "rate": [0.5, None], "work": ["office", None], "target": ["yes", "no"]}
    write_rows(pd.DataFrame(columns, index=[7, 9], dtype=object), path)
    assert read_rows(path, FEATURES) == [
        {"age": 39, "rate": 0.5, "work": "office"},
        {"age": 40, "rate": None, "work": "?"},
    ]


def test_single_rows_rotate_through_a_thousand_different_bodies() -> None:
    assert len(set(make_bodies(ROWS, 1, as_inputs))) == 1_000


def test_a_body_continues_where_the_last_one_ended() -> None:
    bodies = make_bodies(ROWS, 1_000, as_inputs)
    assert [inputs(body)[0]["age"] for body in bodies[:4]] == [0, 1_000, 2_000, 0]
    assert [len(inputs(body)) for body in bodies] == [1_000] * 20


def test_a_body_may_have_more_rows_than_there_are() -> None:
    bodies = make_bodies(ROWS, 10_000, as_inputs)
    assert [len(inputs(body)) for body in bodies] == [10_000, 10_000]


def test_csv_has_a_header_and_empty_cells_for_missing_values() -> None:
    rows: list[Row] = [{"age": 39, "rate": 0.5, "work": "office"}, {"age": 40, "rate": None, "work": "?"}]
    assert as_csv(rows) == b"age,rate,work\n39,0.5,office\n40,,?\n"


def test_there_are_bodies_for_every_workload_and_its_background() -> None:
    backgrounds = {workload.background.rows for workload in WORKLOADS if workload.background}
    assert {workload.rows for workload in WORKLOADS} | backgrounds == set(BODY_SIZES)
