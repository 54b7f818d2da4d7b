"""The command as the container runs it, against a server that answers every request in the same way."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from threading import Thread

import pytest

from app.listener import listen


@contextmanager
def answering(address: str, answer: bytes) -> Iterator[int]:
    """Yield the port of a server that gives this answer to one request."""
    with listen(ip_address(address), 0) as listener:
        listener.settimeout(20)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

        thread = Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def check(**settings: str) -> tuple[int, str]:
    """Return the exit code and the reason."""
    command = [sys.executable, "-m", "app.healthcheck"]
    done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    assert done.stdout == ""
    return done.returncode, done.stderr.strip()


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::"])  # noqa: S104 - nothing but loopback asks
def test_a_service_is_healthy_at_any_address_that_it_listens_on(address: str) -> None:
    with answering(address, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as port:
        assert check(BIND_ADDRESS=address, PORT=str(port)) == (0, "")


def test_a_draining_service_is_not_healthy() -> None:
    with answering("127.0.0.1", b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n") as port:
        assert check(PORT=str(port)) == (1, "status 503")


def test_without_a_service_the_reason_is_one_line() -> None:
    with listen(ip_address("127.0.0.1"), 0) as listener:
        port = listener.getsockname()[1]
    assert check(PORT=str(port)) == (1, "no answer: Connection refused")
