"""The reader of the log stops or ends."""

import fcntl
import json
import os
import signal
import socket
from pathlib import Path

import pytest

from app.logs import WAITING_LINES
from tests.support.service_process import ServiceProcess, Start

PAGE = 4096
LINES = 1500
"""More than the smallest pipe and the queue of a worker hold."""
DROPPED = "log_lines_dropped_total"


@pytest.fixture
def pipe() -> tuple[int, int]:
    """The ends of a pipe that holds one page."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PAGE)
    return reader, writer


@pytest.fixture
def service(start: Start, tiny_model: Path, pipe: tuple[int, int]) -> ServiceProcess:
    """A service whose log goes to the pipe. It logs every request that it refuses."""
    service = start(log=pipe[1], MODEL_DIR=tiny_model, WEB_CONCURRENCY="1", LOG_LEVEL="debug")
    os.close(pipe[1])
    return service


def make_it_log(service: ServiceProcess) -> None:
    for _ in range(LINES):
        with socket.create_connection(("127.0.0.1", service.port), timeout=20) as client:
            client.sendall(b"no HTTP\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 400 ")


def test_a_log_that_nobody_reads_stops_nothing(
    service: ServiceProcess, pipe: tuple[int, int], body: bytes
) -> None:
    service.wait_until_ready()
    make_it_log(service)
    assert service.request("POST", "/predict", body)[0] == 200
    dropped = service.metrics()[DROPPED]
    assert 0 < dropped < LINES

    with os.fdopen(pipe[0]) as log:
        records = []
        for line in log:
            records.append(json.loads(line))
            if "dropped" in records[-1]["message"]:
                break
        service.send(signal.SIGTERM)
        assert service.wait() == 0
    counted = int(records[-1]["message"].split()[0])
    assert records[-1]["message"] == f"{counted} log lines were dropped because nobody read the log"
    assert counted >= dropped
    assert sum(record["message"] == "refused: invalid-http" for record in records) >= WAITING_LINES / 2


def test_a_service_stops_although_nobody_reads_its_log(
    service: ServiceProcess, pipe: tuple[int, int]
) -> None:
    service.wait_until_ready()
    make_it_log(service)
    service.send(signal.SIGTERM)
    assert service.wait() == 0
    os.close(pipe[0])


def test_a_closed_log_stops_nothing(service: ServiceProcess, pipe: tuple[int, int], body: bytes) -> None:
    os.close(pipe[0])
    service.wait_until_ready()
    assert service.request("POST", "/predict", body)[0] == 200
    assert service.metrics()[DROPPED] > 0
    service.send(signal.SIGTERM)
    assert service.wait() == 0
