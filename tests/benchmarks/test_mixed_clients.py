"""The mix is sent to the real service, which answers as the mix says."""

from pathlib import Path

import pytest

from benchmarks import mixed_clients
from benchmarks.errors import BenchmarkError
from benchmarks.mixed_clients import Request
from tests.support.service_process import ServiceProcess, Start, wait_for
from tests.support.tiny import ROW


@pytest.fixture
def service(start: Start, tiny_model: Path) -> ServiceProcess:
    service = start(MODEL_DIR=tiny_model, WEB_CONCURRENCY="1")
    service.wait_until_ready()
    return service


def test_mix_is_answered_as_it_says(service: ServiceProcess) -> None:
    mix = mixed_clients.mix([ROW] * 10)
    mix = [request for request in mix if request.path != "/card"]  # the tiny model has none
    with mixed_clients.beside(service.port, mix) as clients:
        wait_for(lambda: clients.answers.total() > len(mix), "a whole round")
    statuses = {request.status for request in mix}
    assert {*clients.answers} == statuses


def test_wrong_answer_is_an_error(service: ServiceProcess) -> None:
    with (
        pytest.raises(BenchmarkError, match=r"^\d+ answers were wrong; the first: GET /health: 200, not"),
        mixed_clients.beside(service.port, [Request(404, "GET", "/health")]) as clients,
    ):
        wait_for(lambda: clients.answers.total() > 0, "an answer")


def test_absent_server_is_an_error(service: ServiceProcess) -> None:
    service.kill()
    with (
        pytest.raises(BenchmarkError, match=r"^\d+ answers were wrong; the first: GET /health: Conn"),
        mixed_clients.beside(service.port, [Request(200, "GET", "/health")]) as clients,
    ):
        wait_for(lambda: bool(clients.errors), "an error")
