"""A replica with little memory: one worker serves single rows, and is replaced when memory runs out."""

import socket
from contextlib import ExitStack, suppress

import httpx

from tests.container.docker import Container, running, status, until

MEMORY = ("--memory=128m", "--memory-swap=128m")
UNFINISHED_BODIES = 20
BODY_BYTES = 10_000_000
KILLED = "was sent SIGKILL! Perhaps out of memory?"


def test_128_mb_serve_single_rows_also_after_memory_ran_out(image: str, request_body: bytes) -> None:
    with running(image, *MEMORY, env={"WEB_CONCURRENCY": 1}) as container, ExitStack() as clients:
        container.wait_ready()
        assert statuses(container, request_body) == {200}
        for _ in range(UNFINISHED_BODIES):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", container.port), timeout=5))
            with suppress(OSError):  # its worker is killed, or has no memory for more
                send_unfinished_body(client)
        until(lambda: KILLED in container.logs, 60, "the worker is killed", every=1)
        until(lambda: statuses(container, request_body) == {200}, 30, "another worker answers", every=1)
        assert not container.ended()


def send_unfinished_body(client: socket.socket) -> None:
    head = f"POST /predict HTTP/1.1\r\nHost: replica\r\nContent-Length: {BODY_BYTES}\r\n"
    client.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode() + b" " * (BODY_BYTES - 1))


def statuses(container: Container, body: bytes) -> set[int | None]:
    with httpx.Client(base_url=container.url, timeout=15) as client:
        return {status(client, "/predict", content=body) for _ in range(10)}
