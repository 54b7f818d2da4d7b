from pathlib import Path

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from tests.support.clients import client_of
from tests.support.headers import OF_EVERY_ANSWER
from tests.support.keys import KEY, PAIRS
from tests.support.tiny import ROW

ORIGIN = "https://app.example.org"
EXPOSED = "Retry-After, RateLimit, RateLimit-Policy"


def client_with(model: Path, **settings: str) -> httpx.AsyncClient:
    values: dict[str, object] = {
        "model_dir": model,
        "cors_origins": ORIGIN,
        "max_body_bytes": 2000,
    } | settings
    return client_of(create_app(Settings.model_validate(values)))


def cors(response: httpx.Response) -> dict[str, str]:
    prefix = "access-control-"
    return {
        name.removeprefix(prefix): value
        for name, value in response.headers.items()
        if name.startswith(prefix)
    }


def preflight(origin: str = ORIGIN, headers: str = "content-type,x-api-key") -> dict[str, str]:
    requested = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": headers}
    return {"Origin": origin} | requested


@pytest.mark.parametrize("path", ["/predict", "/predict/file", "/nothing"])
@pytest.mark.parametrize("headers", ["content-type,x-api-key", "Authorization, Content-Type"])
async def test_a_preflight_needs_no_key_and_allows_to_send_one(
    tiny_model: Path, path: str, headers: str
) -> None:
    async with client_with(tiny_model, api_keys=PAIRS, rate_limit="1/h") as client:
        responses = [await client.options(path, headers=preflight(headers=headers)) for _ in range(3)]
    assert [response.status_code for response in responses] == [200] * 3
    assert cors(responses[0]) == {
        "allow-origin": ORIGIN,
        "allow-methods": "GET, HEAD, POST",
        "allow-headers": "Accept, Accept-Language, Authorization, Content-Language, Content-Type, X-API-Key",
        "max-age": "600",
    }
    assert responses[0].headers["x-content-type-options"] == OF_EVERY_ANSWER["x-content-type-options"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example.org", "null", f"{ORIGIN}.evil.org", "http://app.example.org"]
)
async def test_another_origin_may_neither_send_nor_read(tiny_model: Path, origin: str) -> None:
    async with client_with(tiny_model) as client:
        preflighted = await client.options("/predict", headers=preflight(origin))
        answer = await client.post("/predict", json=ROW, headers={"Origin": origin})
    assert (preflighted.status_code, answer.status_code) == (400, 200)
    assert "allow-origin" not in cors(preflighted) | cors(answer)


@pytest.mark.parametrize(
    ("status", "content", "key"),
    [
        (200, None, KEY),
        (401, None, "unknown"),
        (413, b" " * 2001, KEY),
        (422, b"{}", KEY),
    ],
)
async def test_a_script_can_read_every_answer(
    tiny_model: Path, status: int, content: bytes | None, key: str
) -> None:
    headers = {"Origin": ORIGIN, "X-API-Key": key, "Content-Type": "application/json"}
    async with client_with(tiny_model, api_keys=PAIRS) as client:
        body = {"json": ROW} if content is None else {"content": content}
        response = await client.post("/predict", headers=headers, **body)
    assert response.status_code == status
    assert cors(response) == {"allow-origin": ORIGIN, "expose-headers": EXPOSED}
    assert response.headers["vary"] == "Origin"


async def test_a_script_can_read_how_long_to_wait(tiny_model: Path) -> None:
    async with client_with(tiny_model, rate_limit="1/h", cors_origins="*") as client:
        responses = [await client.get("/card", headers={"Origin": ORIGIN}) for _ in range(2)]
    assert [response.status_code for response in responses] == [200, 429]
    assert [cors(response) for response in responses] == [
        {"allow-origin": "*", "expose-headers": EXPOSED}
    ] * 2
    assert responses[1].headers["retry-after"] == "3600"


async def test_options_without_an_origin_says_what_a_path_allows(tiny_model: Path) -> None:
    async with client_with(tiny_model) as client:
        response = await client.options("/predict")
    assert (response.status_code, response.headers["allow"]) == (204, "POST, OPTIONS")


async def test_without_origins_there_is_no_cors(client: httpx.AsyncClient) -> None:
    preflighted = await client.options("/predict", headers=preflight())
    answer = await client.post("/predict", json=ROW, headers={"Origin": ORIGIN})
    assert (preflighted.status_code, answer.status_code) == (204, 200)
    assert cors(preflighted) == cors(answer) == {}
