from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from app.auth import digest
from app.core.errors import Problem, StartupError
from app.main import Service, create_app
from app.middleware.auth import KEY_NAME, Auth
from app.settings import Settings
from tests.support.asgi import http_scope, run_asgi
from tests.support.clients import client_of
from tests.support.keys import KEY, KEY_OF_BOB, NEXT_KEY, PAIRS
from tests.support.problems import assert_problem, problem
from tests.support.prometheus import counts, requests
from tests.support.tiny import ROW

ADVICE = "Send an API key in the header X-API-Key, or as Authorization: Bearer."
NO_KEY = problem(401, "unauthorized", ADVICE)
UNKNOWN_KEY = problem(401, "unauthorized", f"The API key is unknown. {ADVICE}")
CHALLENGE = {"www-authenticate": 'Bearer realm="api"'}
INVALID_TOKEN = {"www-authenticate": 'Bearer realm="api", error="invalid_token"'}
PATHS = ["/", "/card", "/docs", "/metrics", "/openapi.json", "/predict", "/predict/file", "/nothing"]
FILE_OF_DOCS = "/static/swagger/swagger-ui.css"


def service_with(model: Path, public: str = "") -> Service:
    return create_app(Settings(model_dir=model, api_keys=PAIRS, public=public))


@pytest.fixture
def service(tiny_model: Path) -> Service:
    """The service of the tiny model, with API keys."""
    return service_with(tiny_model)


async def status(client: httpx.AsyncClient, path: str, method: str = "GET") -> int:
    return (await client.request(method, path)).status_code


@pytest.mark.parametrize("key", [KEY, NEXT_KEY, KEY_OF_BOB])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-API-Key", "KEY"),
        ("x-api-key", "KEY"),
        ("Authorization", "Bearer KEY"),
        ("Authorization", "bearer  KEY "),
    ],
)
async def test_every_key_is_let_in_by_either_header(
    client: httpx.AsyncClient, key: str, name: str, value: str
) -> None:
    response = await client.post("/predict", json=ROW, headers={name: value.replace("KEY", key)})
    assert response.status_code == 200


async def test_a_worker_remembers_the_keys_that_it_let_in_and_no_other(service: Service) -> None:
    auth = Auth(service.dispatch, {digest(KEY.encode()): "alice"}, (), service.metrics)
    for key in (KEY, "unknown", KEY, "a" * 60_000, ""):
        scope = http_scope("/card", "GET", [(b"x-api-key", key.encode())])
        with suppress(Problem):
            await run_asgi(auth, scope, [])
        assert scope.get(KEY_NAME) == ("alice" if key == KEY else None)
    assert auth._let_in == {KEY.encode(): "alice"}


async def test_x_api_key_goes_before_authorization(client: httpx.AsyncClient) -> None:
    of_a_proxy = {"Authorization": "Basic dXNlcjpwYXNzd29yZA=="}
    assert (await client.get("/card", headers=of_a_proxy | {"X-API-Key": KEY})).status_code == 200
    bearer = {"Authorization": f"Bearer {KEY}"}
    assert (await client.get("/card", headers=bearer | {"X-API-Key": "other"})).status_code == 401


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("path", [*PATHS, FILE_OF_DOCS, "/health/", "//health", "/ready/../card"])
async def test_without_a_key_every_path_is_401_even_one_that_is_none(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    assert_problem(await client.request(method, path), NO_KEY, CHALLENGE)


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Basic dXNlcjpwYXNzd29yZA=="},
        {"Authorization": KEY},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"X-API-Key": ""},
        {"Cookie": f"X-API-Key={KEY}"},
    ],
)
async def test_what_is_no_key_is_401_without_an_error(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    assert_problem(await client.post("/predict", json=ROW, headers=headers), NO_KEY, CHALLENGE)


@pytest.mark.parametrize("key", [KEY[:-1], f"{KEY}0", KEY.upper(), "\xff", "a" * 60_000, f"{KEY}, {KEY}"])
@pytest.mark.parametrize("name", ["X-API-Key", "Authorization"])
async def test_an_unknown_key_is_401_and_the_challenge_says_so(
    client: httpx.AsyncClient, name: str, key: str
) -> None:
    value = key if name == "X-API-Key" else f"Bearer {key}"
    headers = httpx.Headers({name: value}, encoding="latin-1")
    response = await client.post("/predict", json=ROW, headers=headers)
    assert_problem(response, UNKNOWN_KEY, INVALID_TOKEN)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", ["/health", "/ready"])
async def test_health_checks_need_no_key(client: httpx.AsyncClient, method: str, path: str) -> None:
    assert await status(client, path, method) in {200, 204}


async def test_the_body_of_a_refused_request_is_not_read(service: Service) -> None:
    start, body = await run_asgi(service, http_scope("/predict"), [])
    assert (start["status"], body["type"]) == (401, "http.response.body")


@pytest.mark.parametrize("path", ["/", "/card", "/metrics", "/openapi.json"])
async def test_a_public_path_needs_no_key_and_opens_no_other(tiny_model: Path, path: str) -> None:
    async with client_of(service_with(tiny_model, path)) as client:
        statuses = {other: await status(client, other) for other in [*PATHS, FILE_OF_DOCS]}
    assert statuses == {other: 200 if other == path else 401 for other in [*PATHS, FILE_OF_DOCS]}


async def test_public_docs_are_opened_with_all_that_the_page_loads(tiny_model: Path) -> None:
    async with client_of(service_with(tiny_model, "/docs")) as client:
        statuses = {path: await status(client, path) for path in [*PATHS, FILE_OF_DOCS]}
        escape = await status(client, "/static/swagger/%2e%2e/%2e%2e/metrics")
    opened = {"/docs", "/openapi.json", FILE_OF_DOCS}
    assert statuses == {path: 200 if path in opened else 401 for path in [*PATHS, FILE_OF_DOCS]}
    assert escape in {401, 404}


async def test_public_predictions_need_no_key(tiny_model: Path) -> None:
    async with client_of(service_with(tiny_model, "/predict, /metrics")) as client:
        assert (await client.post("/predict/", json=ROW)).status_code == 200
        assert await status(client, "/metrics") == 200
        assert await status(client, "/predict/file", "POST") == 401


@pytest.mark.parametrize("path", ["/doc", "docs", "/docs/", "*", "/predict/*", "/static/swagger"])
def test_a_public_path_that_is_none_stops_the_start_and_the_allowed_ones_are_listed(
    tiny_model: Path, path: str
) -> None:
    with pytest.raises(StartupError) as refused:
        service_with(tiny_model, f"/docs {path}")
    assert str(refused.value) == (
        "The setting PUBLIC is wrong: It may list "
        "/, /predict, /predict/file, /metrics, /card, /docs, /openapi.json."
    )


async def test_requests_are_counted_by_the_name_of_their_key(
    service: Service, client: httpx.AsyncClient
) -> None:
    for key in (KEY, NEXT_KEY, KEY_OF_BOB, "unknown"):
        await client.get("/card", headers={"X-API-Key": key})
    numbers = counts(service.metrics)
    assert numbers['api_key_requests_total{key="alice"}'] == 2
    assert numbers['api_key_requests_total{key="bob"}'] == 1
    assert (numbers[requests("/card", 200)], numbers[requests("/card", 401)]) == (3, 1)


async def test_no_answer_and_no_log_has_the_key(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    for path in ("/predict", "/nothing", "/metrics", "/openapi.json"):
        for key in (KEY, f"{KEY}-wrong"):
            response = await client.get(path, headers={"X-API-Key": key})
            assert KEY not in f"{response.text} {response.headers}"
    assert KEY not in caplog.text


@pytest.fixture
async def client(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service with keys, which has none itself."""
    async with (
        service.router.lifespan_context(service),
        client_of(service, raise_app_exceptions=False) as client,
    ):
        yield client
