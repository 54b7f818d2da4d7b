import json
import shutil
from pathlib import Path

import httpx
import pytest

from app.core.contract import CARD_FILE, CONTRACT_FILE, load_contract
from app.core.errors import StartupError
from app.main import create_app
from app.routes.card import POLICY
from app.settings import Settings


def client_of(directory: Path) -> httpx.AsyncClient:
    app = create_app(Settings(model_dir=directory))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service")


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model, to change."""
    return shutil.copytree(tiny_model, tmp_path / "model")


async def test_card_is_the_page_that_was_baked(tiny_model: Path) -> None:
    async with client_of(tiny_model) as client:
        response = await client.get("/card")
    assert response.status_code == 200
    assert response.content == (tiny_model / CARD_FILE).read_bytes()
    assert dict(response.headers) == {
        "cache-control": "no-cache",
        "content-length": str(len(response.content)),
        "content-security-policy": POLICY,
        "content-type": "text/html; charset=utf-8",
        "etag": f'"{load_contract(tiny_model).files[CARD_FILE]}"',
    }


@pytest.mark.parametrize("held", ["TAG", "W/TAG", '"of another model", TAG', "*"])
async def test_card_that_the_client_holds_is_not_sent_again(tiny_model: Path, held: str) -> None:
    tag = f'"{load_contract(tiny_model).files[CARD_FILE]}"'
    async with client_of(tiny_model) as client:
        response = await client.get("/card", headers={"If-None-Match": held.replace("TAG", tag)})
    assert (response.status_code, response.content) == (304, b"")
    assert dict(response.headers) == {
        "cache-control": "no-cache",
        "content-security-policy": POLICY,
        "etag": tag,
    }


async def test_card_is_sent_to_a_client_that_holds_another(tiny_model: Path) -> None:
    async with client_of(tiny_model) as client:
        response = await client.get("/card", headers={"If-None-Match": '"of another model"'})
    assert response.status_code == 200


async def test_card_is_the_one_that_was_verified_at_start(model: Path) -> None:
    async with client_of(model) as client:
        (model / CARD_FILE).write_text("another")
        response = await client.get("/card")
    assert response.text.startswith("<!doctype html>")


async def test_card_of_a_model_that_has_none_is_404(model: Path) -> None:
    contract = json.loads((model / CONTRACT_FILE).read_text())
    del contract["files"][CARD_FILE]
    (model / CONTRACT_FILE).write_text(json.dumps(contract))
    async with client_of(model) as client:
        response = await client.get("/card")
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, response.json()) == (
        404,
        {
            "type": "urn:problem:no-card",
            "title": "No card",
            "status": 404,
            "detail": "The model was baked without a card; bake it again to have one.",
        },
    )


def test_service_does_not_start_with_a_card_that_was_changed(model: Path) -> None:
    (model / CARD_FILE).write_text("another")
    with pytest.raises(StartupError, match=f"The baked model was changed: {model / CARD_FILE} has sha256"):
        create_app(Settings(model_dir=model))


async def test_card_answers_no_post_and_is_counted(tiny_model: Path) -> None:
    async with client_of(tiny_model) as client:
        await client.get("/card")
        refused = await client.post("/card")
        metrics = (await client.get("/metrics")).text
    assert (refused.status_code, refused.json()["detail"]) == (405, "This path answers GET and HEAD only.")
    assert 'http_requests_total{route="/card",status="200"} 1.0' in metrics
    assert 'http_requests_total{route="/card",status="405"} 1.0' in metrics
