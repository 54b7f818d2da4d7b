"""Signals by which gunicorn changes itself. Those that stop it are in tests/container."""

import os
import signal

import pytest

from tests.support.load import Load
from tests.support.prometheus import requests
from tests.support.service_process import ServiceProcess, wait_for

IGNORED = "{} is ignored. To change settings or model, start another replica."


@pytest.mark.parametrize("keep_alive", [True, False], ids=["kept alive", "new connections"])
@pytest.mark.parametrize("worker_count", [1], indirect=True)
def test_no_signal_to_the_master_costs_a_request(
    service: ServiceProcess, body: bytes, *, keep_alive: bool
) -> None:
    (worker,) = service.workers
    with Load(service, body, keep_alive=keep_alive) as load:
        for name in ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH"):
            load.wait_for_answers(20)
            service.send(signal.Signals[name])
            handling = f"Handling signal: {name.removeprefix('SIG').lower()}"
            wait_for(lambda: handling in service.messages, handling)  # noqa: B023 - it waits here
        load.wait_for_answers(20)
        assert service.workers == [worker]

        service.send(signal.SIGTTIN)
        wait_for(lambda: len(service.workers) == 2, "one worker more")
        load.wait_for_answers(20)
        service.send(signal.SIGTTOU)
        wait_for(lambda: len(service.workers) == 1, "one worker fewer")
        load.wait_for_answers(20)
        service.send(signal.SIGTTOU)
        load.wait_for_answers(20)
        assert len(service.workers) == 1, "the last worker stays"
    assert load.lost == []
    assert load.statuses == {200}
    assert [message for message in service.messages if "ignored" in message] == [
        IGNORED.format("SIGHUP"),
        IGNORED.format("SIGUSR2"),
    ]
    wait_for(
        lambda: service.metrics()[requests("/predict", 200)] == load.answered,
        f"{load.answered} requests are counted, those of the worker that has gone too",
    )


@pytest.mark.parametrize("worker_count", [1], indirect=True)
def test_no_signal_of_the_master_ends_a_worker_that_gets_it(service: ServiceProcess, body: bytes) -> None:
    (worker,) = service.workers
    with Load(service, body) as load:
        for name in ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGTTIN", "SIGTTOU", "SIGCHLD"):
            os.kill(worker, signal.Signals[name])
            load.wait_for_answers(20)
    assert load.lost == []
    assert service.workers == [worker]
