"""run.sh as it runs in production: a process of its own, spoken to over a socket."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.contract import CONTRACT_FILE, MODEL_FILE, sha256

ROOT = Path(__file__).parents[2]
DEADLINE = 20.0
ROW = {"years": 5, "rate": 2.5, "grade": "B", "secured": True}


class Service:
    """run.sh in a session of its own, so that nothing of it is left behind."""

    def __init__(self, log: Path, **settings: str | Path) -> None:
        self.port = free_port()
        self._log = log
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHON": sys.executable,
            "PORT": str(self.port),
        } | {name: str(value) for name, value in settings.items()}
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [ROOT / "run.sh"],
                env=environment,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    @property
    def lines(self) -> list[str]:
        """Everything that was written to standard output and standard error."""
        return self._log.read_text().splitlines()

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    def wait_until_ready(self) -> None:
        end = time.monotonic() + DEADLINE
        while not self._is_ready():
            assert self._process.poll() is None, f"it ended: {self.lines}"
            assert time.monotonic() < end, f"not ready in {DEADLINE} s: {self.lines}"
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/ready").status_code == 200
        except httpx.TransportError:
            return False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Return the exit code."""
        return self._process.wait(DEADLINE)

    def kill(self) -> None:
        """End whatever is left, workers too."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


Start = Callable[..., Service]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start services with these settings; all are gone after the test."""
    services: list[Service] = []

    def start(**settings: str | Path) -> Service:
        services.append(Service(tmp_path / f"{len(services)}.log", **settings))
        return services[-1]

    yield start
    for service in services:
        service.kill()


@pytest.mark.parametrize("workers", [1, 2])
def test_service_answers_logs_json_and_ends_with_exit_code_0(
    start: Start, tiny_model: Path, workers: int
) -> None:
    service = start(MODEL_DIR=tiny_model, WEB_CONCURRENCY=str(workers), MAX_ROWS="7")
    service.wait_until_ready()
    with httpx.Client(base_url=service.url) as client:
        ready = client.get("/ready")
        answers = [client.post("/predict", json={"inputs": [ROW] * count}) for count in (1, 7, 8)]
    service.terminate()
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
    assert refused.json() == {
        "type": "urn:problem:body-too-large",
        "title": "Body too large",
        "status": 413,
        "detail": "The body may have at most 1000 bytes.",
    }
    assert [response.status_code for response in [*kept, again]] == [200] * 4


def no_model(_directory: Path) -> None:
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
            no_model,
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
            "model.onnx takes {'features': ('tensor(float)', [4])}; "
            "the contract has 3 features in one 'features'.",
        ),
        (
            no_model,
            {"PORT": "abc"},
            "The setting PORT is wrong: "
            "Input should be a valid integer, unable to parse string as an integer.",
        ),
        (
            no_model,
            {"LOG_LEVEL": "loud"},
            "The setting LOG_LEVEL is wrong: Input should be 'debug', 'info', 'warning' or 'error'.",
        ),
    ],
    ids=["no model", "tampered", "newer schema", "does not fit", "port", "log level"],
)
def test_service_that_can_not_start_says_why_in_one_line(
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
