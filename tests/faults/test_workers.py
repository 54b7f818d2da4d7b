"""A worker or the master ends or stops without notice."""

import os
import signal

from app.server import WORKER_TIMEOUT
from tests.support.load import CLIENTS, Load
from tests.support.service_process import ServiceProcess, wait_for


def test_a_killed_worker_costs_its_own_requests_alone(
    service: ServiceProcess, worker_count: int, body: bytes
) -> None:
    killed = service.workers[0]
    with Load(service, body) as load:
        load.wait_for_answers(50)
        os.kill(killed, signal.SIGKILL)
        wait_for(lambda: killed not in service.workers, "it has ended")
        wait_for(lambda: len(service.workers) == worker_count, "it is replaced")
        load.wait_for_answers(50)
    assert load.statuses == {200}
    assert len(load.lost) <= CLIENTS, load.lost
    assert f"Worker (pid:{killed}) was sent SIGKILL! Perhaps out of memory?" in service.messages


def test_a_stopped_worker_is_replaced_while_the_others_answer(
    service: ServiceProcess, worker_count: int, body: bytes
) -> None:
    stopped = service.workers[0]
    with Load(service, body) as load:
        load.wait_for_answers(50)
        os.kill(stopped, signal.SIGSTOP)
        before = load.answered
        wait_for(lambda: stopped not in service.workers, f"it is killed after {WORKER_TIMEOUT} s")
        meanwhile = load.answered - before
        wait_for(lambda: len(service.workers) == worker_count, "it is replaced")
        load.wait_for_answers(50)
    assert load.statuses == {200}
    assert len(load.lost) <= CLIENTS, load.lost
    assert f"WORKER TIMEOUT (pid:{stopped})" in service.messages
    if worker_count > 1:
        assert meanwhile > 0


def test_workers_end_when_their_master_is_killed(service: ServiceProcess) -> None:
    workers = service.workers
    os.kill(service.pid, signal.SIGKILL)
    service.wait()
    wait_for(lambda: not any(map(is_running, workers)), "all workers have ended")
    assert [message for message in service.messages if message.startswith("The master is gone")]


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:  # noqa: PTH123 - as short as it gets
        return stat.read().rpartition(")")[2].split()[0] != "Z"
