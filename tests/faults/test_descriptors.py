"""More clients than the service has file descriptors."""

import resource
import socket
from contextlib import ExitStack
from pathlib import Path

from tests.support.service_process import Start

DESCRIPTORS = 64
IDLE_CLIENTS = 200


def test_idle_clients_lock_nobody_out(start: Start, tiny_model: Path, body: bytes) -> None:
    service = start(limits={resource.RLIMIT_NOFILE: DESCRIPTORS}, MODEL_DIR=tiny_model, WEB_CONCURRENCY="1")
    service.wait_until_ready()
    (worker,) = service.workers
    with ExitStack() as idle:
        for _ in range(IDLE_CLIENTS):
            idle.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=20))
        for _ in range(20):
            assert service.request("POST", "/predict", body)[0] == 200
        assert service.request("GET", "/health")[0] == 200
    assert service.workers == [worker]
    assert [message for message in service.messages if message.startswith("The worker has all the ")]
