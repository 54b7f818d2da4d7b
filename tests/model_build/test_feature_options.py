"""Features that accept more than they declare: from the CSV file to the answers, and what is said of it."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from app.core.baked_model import load_contract
from app.main import create_app
from app.settings import Settings
from model_build.artifacts import Cleaning, DataReport, Explanation, TrainingReport
from model_build.console import Progress
from tests.model_build.conftest import load_spec
from tests.support.bakes import bake
from tests.support.clients import client_of

SPEC = """
name: orders
title: Orders
version: 1.0.0
description: Is it returned?
data: {sources: [{uri: orders.csv}], licence: none}
features:
  - {name: zip, type: open_category, title: ZIP code, example: "01234", missing: {}}
  - {name: job, type: category, categories: [nurse, smith, monk, lord], unknown: other,
     other: {minimum_rows: 20}, title: Job, example: nurse}
  - {name: size, type: category, categories: [S, M, L], order: given, title: Size, example: M,
     unknown: missing, missing: {}, default: {training: mode}}
  - {name: age, type: integer, minimum: 18, maximum: 80, outside: clip, title: Age, example: 30}
  - {name: price, type: number, title: Price, example: 9.9, default: {training: median}}
  - {name: time, type: integer, minimum: 1700000000, maximum: 1700009999, offset: 1700000000, scale: 10,
     title: Time, example: 1700000005}
  - {name: gift, type: boolean, words: {true: [ja], false: [nein]}, title: Gift, example: true,
     default: {value: false}}
target: {name: returned, labels: [0, 1], positive: 1, titles: {0: kept, 1: returned}}
split: {test: 0.25, seed: 1}
estimator: {name: ESTIMATOR}
training: {category_order: ORDER}
data_checks: {leakage: warn}
"""
ZIPS = [f"0{1000 + number}" for number in range(40)]
ROW = {
    "zip": "01003",
    "job": "smith",
    "size": "M",
    "age": 40,
    "price": 12.5,
    "time": 1700000123,
    "gift": "ja",
}


def orders(rows: int = 1200) -> str:
    """Return a CSV file: some ZIP codes return most orders, the young and late buyers return more."""
    rng = np.random.default_rng(3)
    risk = rng.random(40)
    lines = ["zip,job,size,age,price,time,gift,returned"]
    for number in range(rows):
        zip_, age = int(rng.integers(40)), int(rng.integers(15, 90))
        job = rng.choice(["nurse", "smith", "monk", "astronaut"], p=[0.5, 0.4, 0.005, 0.095])
        size = rng.choice(["S", "M", "L", "huge"], p=[0.3, 0.3, 0.3, 0.1])
        time = 1_700_000_000 + int(rng.integers(9_000))
        late = time - 1_700_000_000 > 6_000
        chance = 0.6 * risk[zip_] + 0.2 * (age < 30) + 0.2 * late
        gift = "ja" if rng.random() < 0.4 else "NEIN"
        returned = int(rng.random() < chance)
        lines.append(f"0{1000 + zip_},{job},{size},{age},{10 + number % 7}.5,{time},{gift},{returned}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def csv() -> str:
    return orders()


async def ask(model: Path, **changes: Any) -> dict[str, Any]:
    """Return the answer to the row with these changes; a value of Ellipsis leaves the field out."""
    row = {name: value for name, value in {**ROW, **changes}.items() if value is not ...}
    async with client_of(create_app(Settings(model_dir=model))) as client:
        response = await client.post("/predict", json=row)
        assert response.status_code == 200, response.text
        header, line = ",".join(row), ",".join(map(str, row.values()))
        kind = {"Content-Type": "text/csv"}
        by_cells = await client.post("/predict", content=f"{header}\n{line}\n", headers=kind)
        _check_same(response, by_cells)
        answer: dict[str, Any] = response.json()
        return answer


def _check_same(response: httpx.Response, by_cells: httpx.Response) -> None:
    assert by_cells.status_code == 200, by_cells.text
    names = ["probabilities", "replaced"]
    assert [by_cells.json().get(name) for name in names] == [response.json().get(name) for name in names]


@pytest.fixture(scope="module", params=["boosting", "linear", "forest"])
def build(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, csv: str, quiet: Progress
) -> Path:
    """Return a directory with what a bake wrote."""
    directory = tmp_path_factory.mktemp(request.param)
    estimator, order = {
        "boosting": ("hist_gradient_boosting", "target_rate"),
        "linear": ("logistic_regression", "codes"),
        "forest": ("random_forest", "target_rate"),
    }[request.param]
    (directory / "orders.csv").write_text(csv)
    spec = load_spec(directory, SPEC.replace("ESTIMATOR", estimator).replace("ORDER", order))
    bake(spec, "real", directory / "model", directory, quiet, directory / "build")
    return directory


async def test_what_a_feature_does_not_have_is_read_as_declared(build: Path) -> None:
    answer = await ask(build / "model")
    assert "replaced" not in answer
    unknown = await ask(build / "model", job="astronaut", size="gigantic")
    assert unknown["replaced"] == {"job": {"unknown": 1}, "size": {"unknown": 1}}
    named = await ask(build / "model", job="(other)", size="gigantic")
    assert named["probabilities"] == unknown["probabilities"]
    clipped, oldest = [await ask(build / "model", age=age) for age in (1000, 80)]
    assert clipped["replaced"] == {"age": {"outside": 1}}
    assert clipped["probabilities"] == oldest["probabilities"]
    rare, gathered = [await ask(build / "model", job=job) for job in ("monk", "(other)")]
    assert rare["probabilities"] == gathered["probabilities"]


async def test_a_field_with_a_default_may_be_left_out(build: Path) -> None:
    contract = load_contract(build / "model")
    defaults = {one.name: one.absent.value for one in contract.features if one.absent}
    assert defaults["gift"] is False
    assert defaults["size"] in {"S", "M", "L"}
    assert 10 <= float(defaults["price"] or 0) <= 17
    absent = await ask(build / "model", gift=..., price=..., size=...)
    assert absent["replaced"] == {name: {"default": 1} for name in ("size", "price", "gift")}
    given = await ask(build / "model", **defaults)
    assert given["probabilities"] == absent["probabilities"]


async def test_an_open_category_takes_any_text(build: Path) -> None:
    probabilities = {text: (await ask(build / "model", zip=text))["probabilities"] for text in ZIPS}
    assert len({str(answer) for answer in probabilities.values()}) > 3
    unseen = await ask(build / "model", zip="Unter den Linden 1")
    assert "replaced" not in unseen
    importance = Explanation.read(build / "build" / "importance.json").importance
    assert {entry.feature: entry.drop.low for entry in importance}["zip"] > 0


def test_what_was_replaced_is_counted_and_said(build: Path, csv: str) -> None:
    lines = [line.split(",") for line in csv.splitlines()[1:]]
    counts = {
        "job": sum(cells[1] == "astronaut" for cells in lines),
        "size": sum(cells[2] == "huge" for cells in lines),
        "age": sum(not 18 <= int(cells[3]) <= 80 for cells in lines),
    }
    assert Cleaning.read(build / "build" / "cleaning.json").replaced == counts
    report = DataReport.read(build / "build" / "data-checks.json")
    sentences = [violation.sentence for violation in report.violations]
    assert f"job: {counts['job']} values are no category, and read as (other) (unknown: other)" in sentences
    age = f"age: {counts['age']} values are outside 18 to 80, and read as the nearer end (outside: clip)"
    assert age in sentences
    assert not any("no row has '(other)'" in sentence for sentence in sentences)
    gathered = TrainingReport.read(build / "build" / "training.json").gathered
    assert gathered == {"job": ("monk", "lord")}
    card = (build / "build" / "card.md").read_text()
    assert "In `job`, 2 rare categories are read as one, “(other)”: monk, lord." in card


async def test_replaced_values_are_counted_and_named_beside_csv(build: Path) -> None:
    rows = "zip,job,age,time\n1003,astronaut,200,1700000001\n1004,nurse,20,1700000002\n"
    headers = {"Content-Type": "text/csv", "Accept": "text/csv"}
    async with client_of(create_app(Settings(model_dir=build / "model"))) as client:
        response = await client.post("/predict", content=rows, headers=headers)
        metrics = (await client.get("/metrics")).text
    named = "age outside 1, gift default 2, job unknown 1, price default 2, size default 2"
    assert response.headers["Replaced-Values"] == named
    assert 'values_replaced_total{feature="job",reason="unknown"} 1.0' in metrics
    assert 'values_replaced_total{feature="gift",reason="default"} 2.0' in metrics


async def test_the_documentation_says_what_is_accepted(build: Path) -> None:
    async with client_of(create_app(Settings(model_dir=build / "model"))) as client:
        schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
    assert schemas["Row"]["required"] == ["zip", "job", "age", "time"]
    assert schemas["Row"]["properties"]["gift"]["default"] is False
    assert "Any other text is read as (other)." in schemas["Row"]["properties"]["job"]["description"]
    assert "replaced" in schemas["PredictResponse"]["properties"]
