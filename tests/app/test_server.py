"""run.sh as in production: a process of its own, which gets requests over a socket."""

import errno
import json
import logging
import os
import shutil
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from app.core.contract import CONTRACT_FILE, MODEL_FILE, sha256
from app.server import Master
from app.settings import MOST_WORKERS
from tests.support.problems import too_large
from tests.support.prometheus import requests, row_errors
from tests.support.service_process import DEADLINE, ServiceProcess, Start, wait_for
from tests.support.tiny import ROW, batch

ANSWERED = requests("/predict", 200)
TIMED = 'http_request_duration_seconds_count{route="/predict"}'


@pytest.mark.parametrize("workers", [1, 2])
def test_service_answers_logs_json_and_ends_with_exit_code_0(
    start: Start, tiny_model: Path, workers: int
) -> None:
    service = start(MODEL_DIR=tiny_model, WEB_CONCURRENCY=str(workers), MAX_ROWS="7")
    service.wait_until_ready()
    with httpx.Client(base_url=service.url) as client:
        ready = client.get("/ready")
        answers = [client.post("/predict", json={"inputs": [ROW] * count}) for count in (1, 7, 8)]
    service.send(signal.SIGTERM)
    assert service.wait() == 0

    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})
    assert "server" not in ready.headers
    assert [answer.status_code for answer in answers] == [200, 200, 422]
    assert [len(answer.json()["predictions"]) for answer in answers[:2]] == [1, 7]

    first, *rest = service.records
    expected = {
        "bind_address": "127.0.0.1",
        "port": service.port,
        "web_concurrency": workers,
        "model_dir": str(tiny_model),
        "max_rows": 7,
        "max_body_bytes": 10_485_760,
        "log_level": "info",
    }
    assert first["settings"].items() >= expected.items()
    del first["settings"], first["time"]
    assert first == {"level": "INFO", "logger": "app.server", "message": "starting"}
    assert sum("Booting worker" in record["message"] for record in rest) == workers
    assert {record["level"] for record in rest} == {"INFO"}
    assert all(record.keys() >= {"time", "level", "logger", "message"} for record in rest)


def test_connection_serves_many_requests_until_the_body_is_too_large(start: Start, tiny_model: Path) -> None:
    service = start(MODEL_DIR=tiny_model, WEB_CONCURRENCY="1", MAX_BODY_BYTES="1000")
    service.wait_until_ready()
    with httpx.Client(base_url=service.url) as client:
        kept = [client.post("/predict", json=ROW) for _ in range(3)]
        refused = client.post(
            "/predict", content=iter([b" " * 600] * 3), headers={"Content-Type": "application/json"}
        )
        again = client.post("/predict", json=ROW)
    assert [response.headers.get("connection") for response in kept] == [None] * 3
    assert (refused.status_code, refused.headers["connection"]) == (413, "close")
    assert refused.json() == too_large(1000)
    assert [response.status_code for response in [*kept, again]] == [200] * 4


def test_head_sends_no_body_so_that_the_connection_serves_on(start: Start, tiny_model: Path) -> None:
    service = start(MODEL_DIR=tiny_model, WEB_CONCURRENCY="1")
    service.wait_until_ready()
    connection = HTTPConnection("127.0.0.1", service.port, timeout=DEADLINE)
    for path, status in (("/health", 200), ("/", 200), ("/metrics", 200), ("/nothing", 404)):
        connection.request("HEAD", path)
        head = connection.getresponse()
        assert (head.status, head.read()) == (status, b"")
        connection.request("GET", path)  # a body would be read as the next answer
        get = connection.getresponse()
        assert (get.status, len(get.read()) > 0) == (status, True)
    connection.close()


def predict(service: ServiceProcess, times: int, rows: int) -> None:
    body = batch(*[ROW] * rows)
    for _ in range(times):
        assert service.request("POST", "/predict", body)[0] == 200


def scrape_after(service: ServiceProcess, answered: int) -> dict[str, float]:
    """Return every number once so many predictions are counted: a request is counted after its answer."""
    wait_for(lambda: service.metrics().get(ANSWERED, 0) >= answered, f"{answered} requests are counted")
    return service.metrics()


def test_every_request_is_counted_once_by_any_worker(start: Start, tiny_model: Path) -> None:
    service = start(MODEL_DIR=tiny_model, WEB_CONCURRENCY="2", MAX_ROWS="5")
    service.wait_until_ready()
    assert httpx.post(f"{service.url}/predict", json={"inputs": [ROW] * 6}).status_code == 422
    predict(service, 40, rows=3)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: predict(service, 50, rows=1), range(8)))
    scrape_after(service, 440)
    for _ in range(10):  # whichever worker answers
        numbers = service.metrics()
        assert numbers[ANSWERED] == 440
        assert numbers[requests("/predict", 422)] == 1
        assert numbers[TIMED] == 441
        assert numbers["predict_rows_total"] == 520
        assert sum(numbers[f'predictions_total{{label="{label}"}}'] for label in ("no", "yes")) == 520
        assert numbers[row_errors("", "too_long")] == 1


def test_counts_of_a_killed_worker_are_kept(start: Start, tiny_model: Path) -> None:
    service = start(MODEL_DIR=tiny_model, WEB_CONCURRENCY="2")
    service.wait_until_ready()
    for killed in range(3):
        wait_for(lambda: len(service.started_workers) == killed + 2, "two workers are there")  # noqa: B023
        predict(service, 40, rows=2)
        scrape_after(service, 40 * (killed + 1))
        os.kill(service.started_workers[-1], signal.SIGKILL)
    wait_for(lambda: len(service.started_workers) == 5, "the last worker is replaced too")
    predict(service, 40, rows=2)
    numbers = scrape_after(service, 160)
    assert numbers[ANSWERED] == 160
    assert numbers[TIMED] == 160
    assert numbers["predict_rows_total"] == 320


def test_requests_of_a_killed_worker_are_not_in_flight(start: Start, tiny_model: Path) -> None:
    service = start(MODEL_DIR=tiny_model, WEB_CONCURRENCY="2")
    service.wait_until_ready()
    wait_for(lambda: len(service.started_workers) == 2, "both workers are there")
    predict(service, 10, rows=1)
    scrape_after(service, 10)
    with socket.create_connection(("127.0.0.1", service.port)) as slow:
        head = "POST /predict HTTP/1.1\r\nHost: service\r\nContent-Type: application/json\r\n"
        slow.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        wait_for(lambda: service.metrics()["http_requests_in_flight"] == 2, "the slow request is counted")
        for pid in service.started_workers:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: len(service.started_workers) == 4, "two workers replaced them")
        wait_for(lambda: service.metrics()["http_requests_in_flight"] == 1, "the scrape is alone")
    assert scrape_after(service, 10)[ANSWERED] == 10


@pytest.fixture
def slots(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The slots in which the master's process has counted; it forks no worker."""
    pids = count(1)

    def fork(master: Master) -> int:
        pid = next(pids)
        master.WORKERS[pid] = SimpleNamespace()
        return pid

    monkeypatch.setattr("gunicorn.arbiter.Arbiter.spawn_worker", fork)
    return []


@pytest.fixture
def master(slots: list[int]) -> Master:
    master = Master.__new__(Master)
    master.WORKERS = {}
    master.app = SimpleNamespace(service=SimpleNamespace(metrics=SimpleNamespace(use_slot=slots.append)))
    master.log = logging.getLogger("app.server")
    return master


def test_new_worker_gets_a_slot_that_no_living_worker_has(master: Master, slots: list[int]) -> None:
    assert [master.spawn_worker() for _ in range(4)] == [1, 2, 3, 4]
    del master.WORKERS[1], master.WORKERS[3]
    assert [master.spawn_worker() for _ in range(3)] == [5, 6, 7]
    assert slots[::2] == [1, 2, 3, 4, 1, 3, 5]
    assert set(slots[1::2]) == {0}, "the master counts in a slot that no worker has"
    assert {pid: worker.slot for pid, worker in master.WORKERS.items()} == {2: 2, 4: 4, 5: 1, 6: 3, 7: 5}


def test_a_worker_that_can_not_be_started_is_logged_and_leaves_the_others(
    master: Master, slots: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    master.spawn_worker()

    def refuse(_master: Master) -> int:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr("gunicorn.arbiter.Arbiter.spawn_worker", refuse)
    master.spawn_worker()
    assert list(master.WORKERS) == [1]
    assert slots == [1, 0, 2, 0]
    assert caplog.messages == [
        "No worker could be started: Resource temporarily unavailable. Trying again in a second."
    ]


def test_sigttin_starts_no_more_workers_than_web_concurrency_allows(
    master: Master, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gunicorn.arbiter.Arbiter.manage_workers", lambda _master: None)
    master.cfg = SimpleNamespace(nworkers_changed=lambda *_: None)
    master._num_workers = MOST_WORKERS - 1
    for _ in range(3):
        master.handle_ttin()
    assert master.num_workers == MOST_WORKERS


def untouched(_directory: Path) -> None:
    pass


def tampered(directory: Path) -> None:
    with (directory / MODEL_FILE).open("ab") as file:
        file.write(b"\0")


def newer(directory: Path) -> None:
    change_contract(directory, schema_version=2)


def one_feature_fewer(directory: Path) -> None:
    features = json.loads((directory / CONTRACT_FILE).read_text())["features"]
    change_contract(directory, features=features[:-1])


def change_contract(directory: Path, **changes: Any) -> None:
    path = directory / CONTRACT_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("change", "settings", "sentence"),
    [
        (
            untouched,
            {"MODEL_DIR": "/nowhere"},
            "There is no baked model at /nowhere (No such file or directory: /nowhere/contract.json). "
            "Make one with `python -m model_build bake`, or set MODEL_DIR.",
        ),
        (
            tampered,
            {},
            "The baked model was changed: DIR/model.onnx has sha256 NEW, not OLD.",
        ),
        (
            newer,
            {},
            "DIR/contract.json has schema_version 2; this service reads 1. "
            "Bake it again with the model_build of this version, or run the service that it was baked for.",
        ),
        (
            one_feature_fewer,
            {},
            "model.onnx has the inputs {'features': ('tensor(float)', [4])}; "
            "the contract needs one input 'features' of 3 features.",
        ),
        (
            untouched,
            {"PORT": "abc"},
            "The setting PORT is wrong: "
            "Input should be a valid integer, unable to parse string as an integer.",
        ),
        (
            untouched,
            {"LOG_LEVEL": "loud"},
            "The setting LOG_LEVEL is wrong: Input should be 'debug', 'info', 'warning' or 'error'.",
        ),
        (
            untouched,
            {"BIND_ADDRESS": ""},
            "The setting BIND_ADDRESS is wrong: value is not a valid IPv4 or IPv6 address.",
        ),
        (
            untouched,
            {"BIND_ADDRESS": "192.0.2.1"},
            "192.0.2.1 is not an address of this machine. Set BIND_ADDRESS to one that is.",
        ),
    ],
    ids=[
        "no model",
        "tampered",
        "newer schema",
        "does not fit",
        "port",
        "log level",
        "no address",
        "address",
    ],
)
def test_service_that_can_not_start_prints_one_line(
    start: Start,
    tiny_model: Path,
    tmp_path: Path,
    change: Callable[[Path], None],
    settings: dict[str, str],
    sentence: str,
) -> None:
    directory = shutil.copytree(tiny_model, tmp_path / "model")
    old = sha256((directory / MODEL_FILE).read_bytes())
    change(directory)
    new = sha256((directory / MODEL_FILE).read_bytes())
    service = start(**({"MODEL_DIR": directory} | settings))
    assert service.wait() == 1
    expected = sentence.replace("DIR/", f"{directory}/").replace("OLD", old).replace("NEW", new)
    assert service.lines == [expected]
