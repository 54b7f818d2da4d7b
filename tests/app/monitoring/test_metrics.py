import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import Message

from app import __version__
from app.core.contract import Contract, load_contract
from app.main import Service, create_app
from app.monitoring.metrics import BUCKETS, CLIENT_LEFT, Metrics
from app.monitoring.shared_memory import MAX_WORKERS
from app.settings import Settings
from tests.support.asgi import http_scope

JSON = {"Content-Type": "application/json"}
CSV = {"Content-Type": "text/csv"}
ROW: dict[str, Any] = {"years": 5, "rate": 2.5, "grade": "B", "secured": True}
ZERO = {
    "predict_rows_total": 0.0,
    'predictions_total{label="no"}': 0.0,
    'predictions_total{label="yes"}': 0.0,
    "http_requests_in_flight": 0.0,
}


@pytest.fixture(scope="module")
def contract(tiny_model: Path) -> Contract:
    return load_contract(tiny_model)


@pytest.fixture
def metrics(contract: Contract) -> Metrics:
    return Metrics(contract)


@pytest.fixture
def service(tiny_model: Path) -> Service:
    return create_app(Settings(model_dir=tiny_model, max_rows=5, max_body_bytes=2000))


@pytest.fixture
async def caller(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(service, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as caller:
        yield caller


def families(metrics: Metrics) -> list[Metric]:
    return list(text_string_to_metric_families(metrics.render().decode()))


def series(metrics: Metrics) -> dict[str, float]:
    """Return every number by its name and labels, as Prometheus reads them."""
    found = {}
    for family in families(metrics):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def counts(metrics: Metrics) -> dict[str, float]:
    """Return every number but those that hold a time or describe."""
    left_out = ("http_request_duration_seconds", "model_info", "build_info")
    return {name: value for name, value in series(metrics).items() if not name.startswith(left_out)}


def requests(route: str, status: int | str) -> str:
    return f'http_requests_total{{route="{route}",status="{status}"}}'


def mistakes(feature: str, kind: str) -> str:
    return f'validation_errors_total{{feature="{feature}",kind="{kind}"}}'


def test_every_family_has_its_name_and_type(metrics: Metrics) -> None:
    assert [(family.name, family.type) for family in families(metrics)] == [
        ("http_requests", "counter"),
        ("http_request_duration_seconds", "histogram"),
        ("http_requests_in_flight", "gauge"),
        ("predict_rows", "counter"),
        ("predictions", "counter"),
        ("validation_errors", "counter"),
        ("model_info", "gauge"),
        ("build_info", "gauge"),
    ]
    assert all(family.documentation.endswith(".") for family in families(metrics))


def test_before_the_first_request_all_is_zero_and_the_model_is_named(
    metrics: Metrics, contract: Contract
) -> None:
    described = {
        "model_info": {
            "name": "tiny",
            "version": "1.2.3",
            "sha256": contract.model_sha256,
            "data_source": "real",
        },
        "build_info": {"version": __version__},
    }
    found = {family.name: family.samples for family in families(metrics) if family.name in described}
    assert {name: [(each.labels, each.value) for each in samples] for name, samples in found.items()} == {
        name: [(labels, 1.0)] for name, labels in described.items()
    }
    assert counts(metrics) == ZERO


async def test_requests_are_counted_by_route_and_status(service: Service, caller: httpx.AsyncClient) -> None:
    for content, headers in (
        (json.dumps({"inputs": [ROW] * 3}).encode(), JSON),
        (b"years,rate,grade,secured\n5,2.5,B,true\n", CSV),
        (b"{", JSON),
        (b" " * 2001, JSON),
        (b"{}", {"Content-Type": "text/plain"}),
        (b"[]", JSON),
    ):
        await caller.post("/predict", content=content, headers=headers)
    await caller.get("/predict")
    await caller.delete("/predict")
    await caller.post("/predict/file", files={"file": b"years,rate,grade,secured\n5,2.5,B,true\n"})
    await caller.post("/predict/file", content=b"")
    for path in ("/", "/health", "/ready", "/metrics", "/docs", "/openapi.json"):
        await caller.get(path)
    yes = counts(service.metrics)['predictions_total{label="yes"}']
    assert yes in {0, 5}
    assert counts(service.metrics) == {
        requests("/predict", 200): 2,
        requests("/predict", 400): 1,
        requests("/predict", 405): 2,
        requests("/predict", 413): 1,
        requests("/predict", 415): 1,
        requests("/predict", 422): 1,
        requests("/predict/file", 200): 1,
        requests("/predict/file", 415): 1,
        requests("/", 200): 1,
        requests("/health", 200): 1,
        requests("/ready", 503): 1,
        requests("/metrics", 200): 1,
        requests("/docs", 200): 1,
        requests("/openapi.json", 200): 1,
        "http_requests_in_flight": 0,
        "predict_rows_total": 5,
        'predictions_total{label="no"}': 5 - yes,
        'predictions_total{label="yes"}': yes,
        mistakes("", "dict_type"): 1,
    }


async def test_predictions_are_counted_by_label(service: Service, caller: httpx.AsyncClient) -> None:
    rows = [{**ROW, "years": years, "rate": rate} for years, rate in ((1, 0), (30, 20), (1, 0), (30, 20))]
    response = await caller.post("/predict", json={"inputs": rows})
    labels = response.json()["predictions"]
    assert set(labels) == {"no", "yes"}
    found = counts(service.metrics)
    assert [found[f'predictions_total{{label="{label}"}}'] for label in ("no", "yes")] == [
        labels.count("no"),
        labels.count("yes"),
    ]
    assert found["predict_rows_total"] == 4


async def test_paths_that_are_unknown_are_one_series(service: Service, caller: httpx.AsyncClient) -> None:
    for number in range(20):
        await caller.get(f"/{number}")
        await caller.post(f"/predict/{number}")
    await caller.get("/static/swagger/swagger-ui.css")
    assert counts(service.metrics) == ZERO | {requests("other", 404): 40, requests("other", 200): 1}


async def test_unknown_method_makes_no_series_of_its_own(service: Service, caller: httpx.AsyncClient) -> None:
    for method in ("BREW", "PROPFIND", "OPTIONS"):
        await caller.request(method, "/health")
    assert counts(service.metrics) == ZERO | {requests("/health", 405): 2, requests("/health", 204): 1}


@pytest.mark.parametrize(
    ("content", "headers", "expected"),
    [
        ({"inputs": [{**ROW, "years": 99}, {**ROW, "years": 0}]}, JSON, {
            mistakes("years", "less_than_equal"): 1, mistakes("years", "greater_than_equal"): 1}),
        ({**ROW, "years": 5.5, "rate": "x", "grade": "D", "secured": 1}, JSON, {
            mistakes("years", "multiple_of"): 1, mistakes("rate", "float_type"): 1,
            mistakes("grade", "literal_error"): 1, mistakes("secured", "bool_type"): 1}),
        ({"duration-years": 31, "rate": float("nan"), "grade": "B"}, JSON, {
            mistakes("years", "less_than_equal"): 1, mistakes("rate", "finite_number"): 1,
            mistakes("secured", "missing"): 1}),
        ({**ROW, "duration-years": 5, "x": 1, "y": 2, "inputs ": 3}, JSON, {
            mistakes("years", "extra_forbidden"): 1, mistakes("", "extra_forbidden"): 3}),
        ({"inputs": {}}, JSON, {mistakes("", "list_type"): 1}),
        ({"inputs": [1, 2]}, JSON, {mistakes("", "dict_type"): 2}),
        ({"inputs": []}, JSON, {mistakes("", "too_short"): 1}),
        ({"inputs": [ROW] * 6}, JSON, {mistakes("", "too_long"): 1}),
        (b"years\n5", CSV, {mistakes("rate", "missing"): 1}),
        (b"salary\n5", CSV, {mistakes("", "extra_forbidden"): 1}),
        (b"years,rate,grade,secured\n5", CSV, {mistakes("", "cells"): 1}),
        (b"years,rate,grade,secured\n99,2,D,?", CSV, {
            mistakes("years", "less_than_equal"): 1, mistakes("grade", "literal_error"): 1,
            mistakes("secured", "bool_type"): 1}),
    ],
)  # fmt: skip
async def test_mistakes_are_counted_by_feature_and_kind(
    service: Service,
    caller: httpx.AsyncClient,
    content: Any,
    headers: dict[str, str],
    expected: dict[str, float],
) -> None:
    content = content if isinstance(content, bytes) else json.dumps(content).encode()
    response = await caller.post("/predict", content=content, headers=headers)
    assert response.status_code == 422
    assert counts(service.metrics) == ZERO | {requests("/predict", 422): 1} | expected


async def test_mistakes_in_a_file_are_counted_too(service: Service, caller: httpx.AsyncClient) -> None:
    content = b"paid,years,rate,grade,secured\nperhaps,5,2,B,true"
    await caller.post("/predict/file", files={"file": content})
    assert counts(service.metrics) == ZERO | {
        requests("/predict/file", 422): 1,
        mistakes("", "literal_error"): 1,
    }


async def test_unexpected_error_is_counted_as_500(
    service: Service, caller: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.core.model.Model.probabilities", lambda *_: 1 / 0)
    await caller.post("/predict", json=ROW)
    await caller.post("/predict/file", files={"file": b"years,rate,grade,secured\n5,2.5,B,true\n"})
    assert counts(service.metrics) == ZERO | {
        requests("/predict", 500): 1,
        requests("/predict/file", 500): 1,
    }


def call(service: Service, path: str, receive: Callable[[], Any]) -> asyncio.Task[None]:
    """Begin a POST request whose body comes from `receive`."""

    async def send(_message: Message) -> None:
        pass

    content_type = b"multipart/form-data; boundary=b" if path == "/predict/file" else b"application/json"
    scope = http_scope(path, headers=[(b"content-type", content_type)])
    return asyncio.ensure_future(service(scope, receive, send))


@pytest.mark.parametrize("path", ["/predict", "/predict/file"])
async def test_request_is_in_flight_while_its_body_is_sent(service: Service, path: str) -> None:
    waits, go_on = asyncio.Event(), asyncio.Event()

    async def receive() -> Message:
        waits.set()
        await go_on.wait()
        return {"type": "http.request", "body": b"", "more_body": False}

    request = call(service, path, receive)
    await waits.wait()
    assert counts(service.metrics) == ZERO | {"http_requests_in_flight": 1}
    go_on.set()
    await request
    assert counts(service.metrics) == ZERO | {requests(path, 400): 1}


@pytest.mark.parametrize("path", ["/predict", "/predict/file"])
async def test_client_that_leaves_is_counted_under_no_status(service: Service, path: str) -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    await call(service, path, receive)
    assert counts(service.metrics) == ZERO | {requests(path, "other"): 1}


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0.0, 0), (0.0001, 0), (0.00011, 1), (0.5, 11), (2.4, 13), (2.5, 13), (2.6, 14), (1e9, 14)],
)
def test_duration_is_counted_in_every_bucket_that_holds_it(
    metrics: Metrics, seconds: float, bucket: int
) -> None:
    name = "http_request_duration_seconds"
    metrics.request_started()
    metrics.request_finished("/predict", 200, seconds)
    found = {key: value for key, value in series(metrics).items() if key.startswith(name)}
    bounds = [*map(str, BUCKETS), "+Inf"]
    assert found == {
        f'{name}_bucket{{le="{bound}",route="/predict"}}': float(position >= bucket)
        for position, bound in enumerate(bounds)
    } | {f'{name}_count{{route="/predict"}}': 1.0, f'{name}_sum{{route="/predict"}}': seconds}


def test_status_that_is_not_expected_is_other(metrics: Metrics) -> None:
    for status in (CLIENT_LEFT, 418, 101):
        metrics.request_started()
        metrics.request_finished("/docs", status, 0.1)
    assert counts(metrics) == ZERO | {requests("/docs", "other"): 3}


def test_kind_that_is_not_expected_is_other(metrics: Metrics) -> None:
    metrics.count_row_errors(
        [{"loc": ["inputs", 0, "rate"], "type": "string_type"}, {"loc": [], "type": "date"}]
    )
    assert counts(metrics) == ZERO | {mistakes("rate", "other"): 1, mistakes("", "other"): 1}


def test_slots_of_all_workers_add_up(metrics: Metrics) -> None:
    for slot, positions in ((0, [1, 1, 0]), (1, [0]), (MAX_WORKERS - 1, [1])):
        metrics.use_slot(slot)
        metrics.request_started()
        metrics.count_predictions(positions)
        metrics.request_started()
        metrics.request_finished("/predict", 200, 0.1)
    assert counts(metrics) == {
        requests("/predict", 200): 3,
        "http_requests_in_flight": 3,
        "predict_rows_total": 5,
        'predictions_total{label="no"}': 2,
        'predictions_total{label="yes"}': 3,
    }


def test_slot_that_is_used_again_keeps_its_counts_and_has_nothing_in_flight(metrics: Metrics) -> None:
    metrics.use_slot(1)
    metrics.request_started()
    metrics.count_predictions([1])
    metrics.request_started()
    metrics.request_finished("/predict", 200, 0.1)
    metrics.use_slot(0)
    metrics.request_started()
    before = counts(metrics)
    metrics.use_slot(1)
    assert before["http_requests_in_flight"] == 2
    assert counts(metrics) == before | {"http_requests_in_flight": 1}
    metrics.count_predictions([1])
    assert counts(metrics)["predict_rows_total"] == 2


def test_labels_are_escaped_as_prometheus_reads_them(contract: Contract) -> None:
    odd = ('a "b"\n', "c\\d")
    target = contract.target.model_copy(update={"labels": odd, "positive": odd[0]})
    metrics = Metrics(contract.model_copy(update={"target": target}))
    metrics.count_predictions([0, 1, 1])
    samples = next(family for family in families(metrics) if family.name == "predictions").samples
    assert [(sample.labels, sample.value) for sample in samples] == [
        ({"label": odd[0]}, 1.0),
        ({"label": odd[1]}, 2.0),
    ]
