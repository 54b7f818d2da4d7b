import json
from typing import Any

import httpx
import pytest
from prometheus_client import Metric

from app import __version__
from app.core.contract import Contract
from app.main import Service
from app.monitoring.metrics import BUCKETS, CLIENT_LEFT, Metrics
from app.monitoring.shared_memory import MAX_PROCESSES
from tests.support import prometheus
from tests.support.prometheus import ZERO, counts, requests, row_errors
from tests.support.tiny import HEADER, LINE, ROW, csv_body

JSON = {"Content-Type": "application/json"}
CSV = {"Content-Type": "text/csv"}


@pytest.fixture
def metrics(contract: Contract) -> Metrics:
    return Metrics(contract)


def families(metrics: Metrics) -> list[Metric]:
    return prometheus.families(metrics.render().decode())


def test_every_family_has_its_name_and_type(metrics: Metrics) -> None:
    assert [(family.name, family.type) for family in families(metrics)] == [
        ("http_requests", "counter"),
        ("http_request_duration_seconds", "histogram"),
        ("http_requests_in_flight", "gauge"),
        ("http_requests_refused", "counter"),
        ("predict_batch_requests", "histogram"),
        ("predict_rows", "counter"),
        ("predictions", "counter"),
        ("validation_errors", "counter"),
        ("values_replaced", "counter"),
        ("connections_dropped", "counter"),
        ("log_lines_dropped", "counter"),
        ("api_key_requests", "counter"),
        ("model_info", "gauge"),
        ("build_info", "gauge"),
    ]
    assert all(family.documentation.endswith(".") for family in families(metrics))


def test_counts_are_zero_before_the_first_request_and_the_model_is_named(
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
    samples = {family.name: family.samples for family in families(metrics)}
    for name, labels in described.items():
        assert [(sample.labels, sample.value) for sample in samples[name]] == [(labels, 1.0)]
    assert counts(metrics) == ZERO


async def test_requests_are_counted_by_route_and_status(service: Service, client: httpx.AsyncClient) -> None:
    for content, headers in (
        (json.dumps({"inputs": [ROW] * 3}).encode(), JSON),
        (csv_body(LINE), CSV),
        (b"{", JSON),
        (b" " * 2001, JSON),
        (b"{}", {"Content-Type": "text/plain"}),
        (b"[]", JSON),
    ):
        await client.post("/predict", content=content, headers=headers)
    await client.get("/predict")
    await client.delete("/predict")
    await client.post("/predict/file", files={"file": csv_body(LINE)})
    await client.post("/predict/file", content=b"")
    for path in ("/", "/health", "/ready", "/metrics", "/docs", "/openapi.json"):
        await client.get(path)
    service.readiness.drain()
    await client.get("/ready")
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
        requests("/ready", 200): 1,
        requests("/ready", 503): 1,
        requests("/metrics", 200): 1,
        requests("/docs", 200): 1,
        requests("/openapi.json", 200): 1,
        "http_requests_refused_total": 0,
        "http_requests_in_flight": 0,
        "log_lines_dropped_total": 0,
        "predict_rows_total": 5,
        'predictions_total{label="no"}': 5 - yes,
        'predictions_total{label="yes"}': yes,
        row_errors("", "dict_type"): 1,
    }


async def test_predictions_are_counted_by_label(service: Service, client: httpx.AsyncClient) -> None:
    rows = [{**ROW, "years": years, "rate": rate} for years, rate in ((1, 0), (30, 20), (1, 0), (30, 20))]
    response = await client.post("/predict", json={"inputs": rows})
    labels = response.json()["predictions"]
    assert set(labels) == {"no", "yes"}
    assert counts(service.metrics) == {
        requests("/predict", 200): 1,
        "http_requests_refused_total": 0,
        "http_requests_in_flight": 0,
        "log_lines_dropped_total": 0,
        "predict_rows_total": 4,
        'predictions_total{label="no"}': labels.count("no"),
        'predictions_total{label="yes"}': labels.count("yes"),
    }


async def test_unknown_paths_share_one_series(service: Service, client: httpx.AsyncClient) -> None:
    for number in range(20):
        await client.get(f"/{number}")
        await client.post(f"/predict/{number}")
    await client.get("/static/swagger/swagger-ui.css")
    assert counts(service.metrics) == ZERO | {requests("other", 404): 40, requests("other", 200): 1}


async def test_unknown_methods_share_one_series(service: Service, client: httpx.AsyncClient) -> None:
    for method in ("BREW", "PROPFIND", "OPTIONS"):
        await client.request(method, "/health")
    assert counts(service.metrics) == ZERO | {requests("/health", 405): 2, requests("/health", 204): 1}


@pytest.mark.parametrize(
    ("content", "headers", "expected"),
    [
        ({"inputs": [{**ROW, "years": 99}, {**ROW, "years": 0}]}, JSON, {
            row_errors("years", "less_than_equal"): 1, row_errors("years", "greater_than_equal"): 1}),
        ({**ROW, "years": 5.5, "rate": "x", "grade": "D", "secured": 2}, JSON, {
            row_errors("years", "multiple_of"): 1, row_errors("rate", "float_type"): 1,
            row_errors("grade", "literal_error"): 1, row_errors("secured", "bool_type"): 1}),
        ({"duration-years": 31, "rate": float("nan"), "grade": "B"}, JSON, {
            row_errors("years", "less_than_equal"): 1, row_errors("rate", "finite_number"): 1,
            row_errors("secured", "missing"): 1}),
        ({**ROW, "duration-years": 5, "x": 1, "y": 2, "inputs ": 3}, JSON, {
            row_errors("years", "extra_forbidden"): 1, row_errors("", "extra_forbidden"): 3}),
        ({"inputs": {}}, JSON, {row_errors("", "list_type"): 1}),
        ({"inputs": [1, 2]}, JSON, {row_errors("", "dict_type"): 2}),
        ({"inputs": []}, JSON, {row_errors("", "too_short"): 1}),
        ({"inputs": [ROW] * 6}, JSON, {row_errors("", "too_long"): 1}),
        (b"years\n5", CSV, {row_errors("rate", "missing"): 1}),
        (b"salary\n5", CSV, {row_errors("", "missing"): 1}),
        (csv_body("5"), CSV, {row_errors("", "cells"): 1}),
        (csv_body("99,2,D,?"), CSV, {
            row_errors("years", "less_than_equal"): 1, row_errors("grade", "literal_error"): 1,
            row_errors("secured", "bool_type"): 1}),
    ],
)  # fmt: skip
async def test_errors_in_rows_are_counted_by_feature_and_kind(
    service: Service,
    client: httpx.AsyncClient,
    content: Any,
    headers: dict[str, str],
    expected: dict[str, float],
) -> None:
    content = content if isinstance(content, bytes) else json.dumps(content).encode()
    response = await client.post("/predict", content=content, headers=headers)
    assert response.status_code == 422
    assert counts(service.metrics) == ZERO | {requests("/predict", 422): 1} | expected


async def test_errors_in_a_file_are_counted_too(service: Service, client: httpx.AsyncClient) -> None:
    content = csv_body(f"perhaps,{LINE}", header=f"paid,{HEADER}")
    await client.post("/predict/file", files={"file": content})
    assert counts(service.metrics) == ZERO | {
        requests("/predict/file", 422): 1,
        row_errors("", "literal_error"): 1,
    }


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
    numbers = prometheus.series(metrics.render().decode())
    bounds = [*map(str, BUCKETS), "+Inf"]
    assert {key: value for key, value in numbers.items() if key.startswith(name)} == {
        f'{name}_bucket{{le="{bound}",route="/predict"}}': float(position >= bucket)
        for position, bound in enumerate(bounds)
    } | {f'{name}_count{{route="/predict"}}': 1.0, f'{name}_sum{{route="/predict"}}': seconds}


def test_unexpected_status_is_counted_as_other(metrics: Metrics) -> None:
    for status in (CLIENT_LEFT, 418, 101):
        metrics.request_started()
        metrics.request_finished("/docs", status, 0.1)
    assert counts(metrics) == ZERO | {requests("/docs", "other"): 3}


def test_unexpected_kind_of_error_is_counted_as_other(metrics: Metrics) -> None:
    metrics.count_row_errors(
        [{"loc": ["inputs", 0, "rate"], "type": "string_type"}, {"loc": [], "type": "date"}]
    )
    assert counts(metrics) == ZERO | {row_errors("rate", "other"): 1, row_errors("", "other"): 1}


def test_dropped_connections_are_counted_by_reason(metrics: Metrics) -> None:
    metrics.count_dropped("invalid")
    metrics.count_dropped("invalid")
    assert counts(metrics) == ZERO | {'connections_dropped_total{reason="invalid"}': 2}


def test_dropped_log_lines_are_counted(metrics: Metrics) -> None:
    metrics.count_dropped_log_line()
    metrics.count_dropped_log_line()
    assert counts(metrics) == ZERO | {"log_lines_dropped_total": 2}


def test_slots_of_all_workers_are_added(metrics: Metrics) -> None:
    for slot, positions in ((0, [1, 1, 0]), (1, [0]), (MAX_PROCESSES - 1, [1])):
        metrics.use_slot(slot)
        metrics.request_started()
        metrics.count_predictions(positions)
        metrics.request_started()
        metrics.request_finished("/predict", 200, 0.1)
    assert counts(metrics) == {
        requests("/predict", 200): 3,
        "http_requests_refused_total": 0,
        "http_requests_in_flight": 3,
        "log_lines_dropped_total": 0,
        "predict_rows_total": 5,
        'predictions_total{label="no"}': 2,
        'predictions_total{label="yes"}': 3,
    }


def test_reused_slot_keeps_its_counts_and_has_nothing_in_flight(metrics: Metrics) -> None:
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


def test_odd_labels_are_escaped_for_prometheus(contract: Contract) -> None:
    odd = ('a "b"\n', "c\\d")
    target = contract.target.model_copy(update={"labels": odd, "positive": odd[0]})
    metrics = Metrics(contract.model_copy(update={"target": target}))
    metrics.count_predictions([0, 1, 1])
    samples = next(family for family in families(metrics) if family.name == "predictions").samples
    assert [(sample.labels, sample.value) for sample in samples] == [
        ({"label": odd[0]}, 1.0),
        ({"label": odd[1]}, 2.0),
    ]


def test_requests_are_counted_by_the_name_of_their_key(contract: Contract) -> None:
    metrics = Metrics(contract, ["alice", "bob"])
    metrics.count_key("bob")
    metrics.count_key("bob")
    keys = {'api_key_requests_total{key="alice"}': 0, 'api_key_requests_total{key="bob"}': 2}
    assert counts(metrics) == ZERO | keys
