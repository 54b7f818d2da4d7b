"""The pipeline of middleware: what holds for every request, whichever route answers it."""

import asyncio
import json
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.model import Model
from app.main import Service, create_app, list_middleware, wrap
from app.prediction.predictor import LARGE_BODY
from app.server import warn_if_open
from app.settings import Settings
from tests.support.asgi import LEAVE, body_messages, http_scope, run_asgi
from tests.support.bodies import FORM, Chunks, part
from tests.support.clients import client_of
from tests.support.keys import KEY, PAIRS
from tests.support.problems import INTERNAL, SECRET, assert_problem, problem, too_large
from tests.support.prometheus import ZERO, counts, requests, series
from tests.support.tiny import LINE, ROW, csv_body

TOO_LARGE = too_large(2000)
POST_ONLY = problem(405, "method-not-allowed", "This path answers POST only.")


class Prediction(NamedTuple):
    """A request that is answered with one prediction, with place for padding in its body."""

    path: str
    content_type: str
    start: bytes
    padding: bytes
    end: bytes

    @property
    def headers(self) -> dict[str, str]:
        return {"Content-Type": self.content_type}

    @property
    def body(self) -> bytes:
        return self.start + self.end

    def body_of(self, length: int) -> bytes:
        return self.start + self.padding * (length - len(self.body)) + self.end

    def scope(self) -> dict[str, Any]:
        return http_scope(self.path, headers=[(b"content-type", self.content_type.encode())])


ROWS = Prediction("/predict", "application/json", json.dumps(ROW).encode(), b" ", b"")
FILE = Prediction(
    "/predict/file", FORM["Content-Type"], part(csv_body(LINE)).rstrip(), b" ", b"\r\n--frontier--\r\n"
)


@pytest.fixture(params=[ROWS, FILE], ids=["rows", "file"])
def prediction(request: pytest.FixtureRequest) -> Prediction:
    prediction: Prediction = request.param
    return prediction


class Record:
    """A middleware that notes the path of every request."""

    def __init__(self, app: ASGIApp, paths: list[str], prefix: str = "") -> None:
        self._app = app
        self._paths = paths
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._paths.append(self._prefix + scope["path"])
        await self._app(scope, receive, send)


async def test_middleware_is_added_by_one_line_and_gets_every_request(service: Service) -> None:
    paths: list[str] = []
    service.pipeline = wrap(service.pipeline, [Middleware(Record, paths=paths)])
    async with client_of(service) as client:
        for prediction in (ROWS, FILE):
            response = await client.post(prediction.path, content=prediction.body, headers=prediction.headers)
            assert response.status_code == 200
        for path in ("/", "/health", "/nothing", "/predict/"):
            await client.get(path)
    assert paths == ["/predict", "/predict/file", "/", "/health", "/nothing", "/predict"]


async def test_first_middleware_of_a_list_is_the_outermost(service: Service) -> None:
    paths: list[str] = []
    service.pipeline = wrap(
        service.pipeline,
        [Middleware(Record, paths=paths, prefix="outer "), Middleware(Record, paths=paths, prefix="inner ")],
    )
    async with client_of(service) as client:
        await client.get("/health")
    assert paths == ["outer /health", "inner /health"]


async def test_prediction_is_counted_and_timed(
    service: Service, client: httpx.AsyncClient, prediction: Prediction
) -> None:
    response = await client.post(prediction.path, content=prediction.body, headers=prediction.headers)
    assert response.status_code == 200
    (label,) = response.json()["predictions"]
    numbers = series(service.metrics.render().decode())
    duration = "http_request_duration_seconds"
    assert numbers[f'{duration}_count{{route="{prediction.path}"}}'] == 1
    assert 0 < numbers[f'{duration}_sum{{route="{prediction.path}"}}'] < 10
    assert counts(service.metrics) == ZERO | {
        requests(prediction.path, 200): 1,
        "predict_rows_total": 1,
        f'predictions_total{{label="{label}"}}': 1,
    }


async def test_request_is_in_flight_while_its_body_is_sent(service: Service, prediction: Prediction) -> None:
    is_waiting, go_on = asyncio.Event(), asyncio.Event()

    async def receive() -> Message:
        is_waiting.set()
        await go_on.wait()
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_message: Message) -> None:
        pass

    request = asyncio.ensure_future(service(prediction.scope(), receive, send))
    await is_waiting.wait()
    assert counts(service.metrics) == ZERO | {"http_requests_in_flight": 1}
    go_on.set()
    await request
    assert counts(service.metrics) == ZERO | {requests(prediction.path, 400): 1}


@pytest.mark.parametrize("sent", [0, 9, 40, -1], ids=["nothing", "little", "more", "all but a byte"])
async def test_client_that_leaves_while_sending_gets_no_answer_and_is_counted(
    service: Service, prediction: Prediction, sent: int
) -> None:
    chunks = [b"", prediction.body[:sent]] if sent else []
    received = [*body_messages(chunks, more=True), LEAVE]
    assert await run_asgi(service, prediction.scope(), received) == []
    assert counts(service.metrics) == ZERO | {requests(prediction.path, "other"): 1}


@pytest.mark.parametrize(
    ("headers", "read"),
    [({"Content-Length": "50000"}, 0), ({}, 5), ({"Content-Length": "1"}, 5)],
    ids=["declared", "streamed", "declared too low"],
)
async def test_body_too_large_is_413_and_read_no_further(
    client: httpx.AsyncClient, prediction: Prediction, headers: dict[str, str], read: int
) -> None:
    body = Chunks(prediction.body_of(500), *[prediction.padding * 500] * 99)
    response = await client.post(prediction.path, content=body, headers=prediction.headers | headers)
    assert body.read == read
    assert_problem(response, TOO_LARGE, {"connection": "close"})


@pytest.mark.parametrize(("length", "status"), [(2000, 200), (2001, 413)])
@pytest.mark.parametrize("is_streamed", [False, True])
async def test_body_of_exactly_the_limit_is_accepted(
    client: httpx.AsyncClient, prediction: Prediction, length: int, status: int, is_streamed: bool
) -> None:
    body = prediction.body_of(length)
    assert len(body) == length
    content = Chunks(body[:10], b"", body[10:]) if is_streamed else body
    response = await client.post(prediction.path, content=content, headers=prediction.headers)
    assert response.status_code == status


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("slash", ["", "/"])
async def test_other_method_is_405_and_names_post(
    client: httpx.AsyncClient, prediction: Prediction, method: str, slash: str
) -> None:
    response = await client.request(method, prediction.path + slash)
    assert_problem(response, POST_ONLY, {"allow": "POST"})


async def test_path_with_a_slash_at_its_end_answers_as_without(
    client: httpx.AsyncClient, prediction: Prediction
) -> None:
    with_slash, without = [
        await client.post(path, content=prediction.body, headers=prediction.headers)
        for path in (f"{prediction.path}/", prediction.path)
    ]
    assert (with_slash.status_code, without.status_code) == (200, 200)
    assert with_slash.json() == without.json() | {"timestamp": with_slash.json()["timestamp"]}


@pytest.mark.parametrize("path", ["/predictions", "/predict/1", "/static/swagger/none.js", "/redoc"])
async def test_other_path_is_404_and_says_where_to_look(client: httpx.AsyncClient, path: str) -> None:
    response = await client.post(path, json=ROW) if "static" not in path else await client.get(path)
    detail = "There is nothing at this path. See /docs for what there is."
    assert_problem(response, problem(404, "not-found", detail))


@pytest.mark.parametrize("length", [0, LARGE_BODY + 100], ids=["small body", "large body"])
async def test_unexpected_error_is_500_counted_and_logged_once(
    tiny_model: Path,
    prediction: Prediction,
    length: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(SECRET)

    service = create_app(Settings(model_dir=tiny_model))
    monkeypatch.setattr(Model, "probabilities", fail)
    async with client_of(service, raise_app_exceptions=False) as client:
        response = await client.post(
            prediction.path, content=prediction.body_of(length), headers=prediction.headers
        )
    assert_problem(response, INTERNAL)
    assert counts(service.metrics) == ZERO | {requests(prediction.path, 500): 1}
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert (record.name, record.getMessage()) == (
        "app.middleware.problems",
        f"unhandled error at {prediction.path}",
    )
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == SECRET


WARNING = "without API_KEYS, everybody who reaches {} may use the service"


@pytest.mark.parametrize("address", ["10.0.0.1", "::", "127.0.0.1", "127.1.2.3", "::1"])
@pytest.mark.parametrize("keys", [None, PAIRS])
def test_one_warning_if_others_can_reach_a_service_without_keys(
    tiny_model: Path, address: str, keys: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {"model_dir": tiny_model, "bind_address": address, "api_keys": keys}
    parsed = Settings.model_validate(settings)
    warn_if_open(parsed, create_app(parsed))
    is_warned = keys is None and address in {"10.0.0.1", "::"}
    assert [record.getMessage() for record in caplog.records] == [WARNING.format(address)] * is_warned


def names(tiny_model: Path, **settings: str) -> list[str]:
    """Return the middleware of a service with these settings, outermost first."""
    parsed = Settings.model_validate({"model_dir": tiny_model} | settings)
    keys = parsed.read_keys()
    return [
        getattr(entry.cls, "__name__", "") for entry in list_middleware(create_app(parsed), parsed, keys, ())
    ]


def test_middleware_that_is_off_is_not_in_the_way(tiny_model: Path) -> None:
    off = names(tiny_model)
    on = names(tiny_model, api_keys=PAIRS, rate_limit="1/s", trusted_proxies="10.0.0.0/8", cors_origins="*")
    assert [name for name in on if name not in off] == ["Proxies", "Cors", "Auth", "RateLimit"]
    assert [name for name in on if name in off] == off


async def test_the_log_of_an_error_names_the_key_of_the_request(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(SECRET)

    service = create_app(Settings.model_validate({"model_dir": tiny_model, "api_keys": PAIRS}))
    monkeypatch.setattr(Model, "probabilities", fail)
    async with client_of(service) as client:
        assert (await client.post("/predict", json=ROW, headers={"X-API-Key": KEY})).status_code == 500
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert vars(record)["key"] == "alice"
