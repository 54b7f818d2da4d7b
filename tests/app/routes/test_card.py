import json
import shutil
from pathlib import Path

import httpx
import pytest

from app.core.baked_model import load_contract
from app.core.contract import CARD_FILE, CONTRACT_FILE
from app.core.errors import StartupError
from app.main import create_app
from app.routes.card import policy, router
from app.settings import Settings
from tests.support.clients import client_of
from tests.support.headers import own
from tests.support.problems import assert_problem, problem


def client_of_model(directory: Path) -> httpx.AsyncClient:
    return client_of(create_app(Settings(model_dir=directory)))


@pytest.fixture
def model_copy(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model, to change."""
    return shutil.copytree(tiny_model, tmp_path / "model")


async def test_card_is_the_baked_page(tiny_model: Path) -> None:
    async with client_of_model(tiny_model) as client:
        response = await client.get("/card")
    assert response.status_code == 200
    assert response.content == (tiny_model / CARD_FILE).read_bytes()
    assert own(response) == {
        "cache-control": "no-cache",
        "content-length": str(len(response.content)),
        "content-security-policy": policy(response.text),
        "content-type": "text/html; charset=utf-8",
        "etag": f'"{load_contract(tiny_model).files[CARD_FILE]}"',
    }


@pytest.mark.parametrize("tags", ["TAG", "W/TAG", '"of another model", TAG', "*"])
async def test_cached_card_is_not_sent_again(tiny_model: Path, tags: str) -> None:
    tag = f'"{load_contract(tiny_model).files[CARD_FILE]}"'
    async with client_of_model(tiny_model) as client:
        response = await client.get("/card", headers={"If-None-Match": tags.replace("TAG", tag)})
    assert (response.status_code, response.content) == (304, b"")
    assert own(response) == {
        "cache-control": "no-cache",
        "content-security-policy": policy((tiny_model / CARD_FILE).read_text()),
        "etag": tag,
    }


async def test_card_is_sent_if_another_is_cached(tiny_model: Path) -> None:
    async with client_of_model(tiny_model) as client:
        response = await client.get("/card", headers={"If-None-Match": '"of another model"'})
    assert response.status_code == 200


async def test_card_stays_the_one_that_was_verified_at_start(model_copy: Path) -> None:
    async with client_of_model(model_copy) as client:
        (model_copy / CARD_FILE).write_text("another")
        response = await client.get("/card")
    assert response.text.startswith("<!doctype html>")


async def test_card_of_a_model_without_one_is_404(model_copy: Path) -> None:
    contract = json.loads((model_copy / CONTRACT_FILE).read_text())
    del contract["files"][CARD_FILE]
    (model_copy / CONTRACT_FILE).write_text(json.dumps(contract))
    async with client_of_model(model_copy) as client:
        response = await client.get("/card")
    detail = "The model was baked without a card; bake it again to have one."
    assert_problem(response, problem(404, "no-card", detail))


def test_service_does_not_start_with_a_changed_card(model_copy: Path) -> None:
    (model_copy / CARD_FILE).write_text("another")
    with pytest.raises(
        StartupError, match=f"The baked model was changed: {model_copy / CARD_FILE} has sha256"
    ):
        create_app(Settings(model_dir=model_copy))


async def test_post_of_the_card_is_405_and_requests_are_counted(tiny_model: Path) -> None:
    async with client_of_model(tiny_model) as client:
        await client.get("/card")
        refused = await client.post("/card")
        metrics = (await client.get("/metrics")).text
    assert (refused.status_code, refused.json()["detail"]) == (405, "This path answers GET and HEAD only.")
    assert 'http_requests_total{route="/card",status="200"} 1.0' in metrics
    assert 'http_requests_total{route="/card",status="405"} 1.0' in metrics


def test_a_card_that_is_replaced_while_it_is_read_is_refused(model_copy: Path) -> None:
    contract = load_contract(model_copy)
    (model_copy / CARD_FILE).write_bytes(b"another")
    with pytest.raises(StartupError, match=r"^The baked model was changed: .*/card\.html has sha256 "):
        router(model_copy, contract)
