"""The floors, the baseline and the in-process limit against the real service and a real bake."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.apps import baseline, floor_a, floor_b
from benchmarks.apps.in_process import make_answer
from benchmarks.sklearn_pipeline import write_pipeline
from benchmarks.workspace import Workspace
from tests.support.tiny import batch, row

BODY = batch(row(), row(years=30, rate=19.5), row(grade="?", rate=None))
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def workspace(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Files for the apps, and the environment variables that name them."""
    workspace = Workspace(tiny_model, tmp_path)
    write_pipeline(workspace.contract, tiny_model, workspace.pipeline)
    workspace.save_answer(3, b'{"predictions":[]}')
    for name, value in workspace.environment.items():
        monkeypatch.setenv(name, value)
    return workspace


async def post(app: Any, path: str, content: bytes) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
        assert (await client.get("/health")).status_code == 200
        return await client.post(path, content=content, headers=JSON)


@pytest.mark.usefixtures("workspace")
async def test_the_baseline_answers_as_the_service_does(client: httpx.AsyncClient) -> None:
    expected = (await client.post("/predict", content=BODY, headers=JSON)).json()
    answer = (await post(baseline.create(), "/predict", BODY)).json()
    assert answer["predictions"] == expected["predictions"]
    assert answer["model_lib_version"] == expected["model_lib_version"]
    for probabilities, of_service in zip(answer["probabilities"], expected["probabilities"], strict=True):
        assert probabilities == pytest.approx(of_service, abs=1e-5)


async def test_the_in_process_limit_answers_as_the_service_does(
    workspace: Workspace, client: httpx.AsyncClient
) -> None:
    expected = (await client.post("/predict", content=BODY, headers=JSON)).json()
    answer = json.loads(make_answer(workspace.model_dir)(BODY))
    assert answer | {"timestamp": expected["timestamp"]} == expected


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("floor", [floor_a, floor_b])
async def test_a_floor_repeats_the_saved_answer(floor: Any) -> None:
    answer = await post(floor.create(), "/predict/3", BODY)
    assert (answer.status_code, answer.content) == (200, b'{"predictions":[]}')


@pytest.mark.usefixtures("workspace")
async def test_only_floor_b_validates_the_rows() -> None:
    unknown = batch(row(grade="D"))
    assert (await post(floor_a.create(), "/predict/3", unknown)).status_code == 200
    assert (await post(floor_b.create(), "/predict/3", unknown)).status_code == 422
