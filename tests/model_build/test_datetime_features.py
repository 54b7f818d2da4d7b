"""A model that reads dates: from the CSV file to the answers, and what is said of dates that are wrong."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from app.main import create_app
from app.settings import Settings
from model_build.artifacts import DataReport, Explanation
from model_build.console import Progress
from model_build.errors import DataError
from model_build.spec.model_spec import ModelSpec
from tests.model_build.conftest import load_spec
from tests.support.bakes import bake
from tests.support.clients import client_of

SPEC = """
name: visits
title: Visits
version: 1.0.0
description: Was it late?
data: {sources: [{uri: visits.csv}], licence: none}
features:
  - {name: opened, type: datetime, title: Opened, parts: [weekday, hour, days], days: {since: 2020-01-01},
     minimum: 2020-01-01, maximum: 2025-12-31, example: "2024-05-06T10:30:00Z"}
  - {name: closed, type: datetime, title: Closed, parts: [month], format: "%d.%m.%Y", example: 06.05.2024,
     missing: {markers: ["-"]}}
derived:
  - {name: open_days, expression: "days_between(opened, closed)", unit: days}
target: {name: late, labels: ["no", "yes"], positive: "yes"}
split: {test: 0.25, seed: 1}
estimator: {name: hist_gradient_boosting, parameters: {max_iter: 10}}
data_checks: {leakage: warn}
evaluation: {slices: {features: [opened.weekday, open_days]}}
model_checks: {invariant: [{feature: closed, tolerance: 1}]}
"""
COLUMNS = ["opened.weekday", "opened.hour", "opened.days", "closed.month", "open_days"]


def visits(rows: int = 300) -> str:
    """Return a CSV file: visits that take more than 40 days, and most of the weekend, are late."""
    rng = np.random.default_rng(0)
    lines = ["opened,closed,late"]
    for _ in range(rows):
        opened = datetime(2020, 1, 1) + timedelta(hours=int(rng.integers(40_000)))
        days = int(rng.integers(90))
        late = days > 40 or (opened.weekday() > 4 and rng.random() < 0.8)
        closed = f"{opened + timedelta(days=days):%d.%m.%Y}" if rng.random() < 0.9 else "-"
        lines.append(f"{opened.isoformat()},{closed},{'yes' if late else 'no'}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    return load_spec(tmp_path_factory.mktemp("spec"), SPEC)


@pytest.fixture(scope="module")
def built(spec: ModelSpec, quiet: Progress, tmp_path_factory: pytest.TempPathFactory) -> Path:
    build = tmp_path_factory.mktemp("build")
    (build / "visits.csv").write_text(visits())
    bake(spec, "real", build / "model", build, quiet, build)
    return build


def test_the_model_reads_parts_and_reports_name_them(built: Path) -> None:
    explanation = Explanation.read(built / "importance.json")
    assert {entry.feature for entry in explanation.importance} == {*COLUMNS}
    assert explanation.importance[0].feature == "open_days"
    assert [*json.loads((built / "reference.json").read_text())["features"]] == COLUMNS
    assert all(name in (built / "eda.html").read_text() for name in COLUMNS)
    card = (built / "card.md").read_text()
    assert "| datetime | 2020-01-01 to 2025-12-31; read: weekday, hour, days |" in card
    assert "**Features read:** 5 of 5" in card


async def test_rows_and_cells_get_the_same_answers_and_wrong_dates_are_named(built: Path) -> None:
    row = {"opened": "2024-05-06T10:30:00+02:00", "closed": "-"}
    async with client_of(create_app(Settings(model_dir=built / "model"))) as client:
        csv = {"Content-Type": "text/csv"}
        cells = "opened,closed\n2024-05-06T08:30:00Z,\n"
        by_row, by_cell = (
            await client.post("/predict", json=row),
            await client.post("/predict", content=cells, headers=csv),
        )
        assert by_row.json()["probabilities"] == by_cell.json()["probabilities"]
        cells = "opened,closed\n2024-05-06,01.01.2024\n2024-05-32,01.01.2024\n"
        (error,) = (await client.post("/predict", content=cells, headers=csv)).json()["errors"]
        assert error["loc"] == ["line", 3, "opened"]
        assert error["msg"].startswith(
            "Must be a date or date-time in ISO 8601, such as 2024-05-06T10:30:00Z"
        )
        refused = await client.post("/predict", json=row | {"closed": "2024-05-06"})
        (error,) = refused.json()["errors"]
        assert "in the format %d.%m.%Y, such as 06.05.2024" in error["msg"]


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        (
            "yesterday",
            "opened: 1 value is not a date of that form (row 1: 'yesterday'); must be a date or date-time in",
        ),
        (
            "2019-12-31",
            "opened: 1 value is outside 2020-01-01 to 2025-12-31 (row 1: '2019-12-31'); must be a date or",
        ),
    ],
)
def test_a_wrong_date_stops_the_bake(
    spec: ModelSpec, cell: str, sentence: str, quiet: Progress, tmp_path: Path
) -> None:
    header, first, *others = visits().splitlines()
    wrong = ",".join([cell, *first.split(",")[1:]])
    (tmp_path / "visits.csv").write_text("\n".join([header, wrong, *others]))
    with pytest.raises(DataError) as caught:
        bake(spec, "real", tmp_path / "model", tmp_path, quiet, tmp_path / "build")
    assert sentence in str(caught.value)


def test_dates_that_shifted_are_shown_as_dates(quiet: Progress, tmp_path: Path) -> None:
    early = visits().replace("2024-", "2020-").replace("2023-", "2020-").replace("2022-", "2020-")
    early = early.replace("-02-29", "-02-28")
    (tmp_path / "early.csv").write_text(early)
    (tmp_path / "visits.csv").write_text(visits())
    checks = "{leakage: warn, reference: {source: {uri: early.csv}, minimum_shift: 0.05}}"
    spec = load_spec(tmp_path, SPEC.replace("{leakage: warn}", checks))
    bake(spec, "real", tmp_path / "model", tmp_path, quiet, tmp_path / "build")
    report = DataReport.read(tmp_path / "build" / "data-checks.json")
    (shift,) = [violation for violation in report.violations if violation.column == "opened"]
    assert "at most 202" in shift.sentence
