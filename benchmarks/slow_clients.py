"""Clients that hold connections and give as little as they can, beside which others are measured."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread

EACH_KIND = 200
SECONDS_BETWEEN_BYTES = 1.0
SETTLE_SECONDS = 2.0
HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\n"
BODY = HEAD + b"Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
UNREAD = (
    b"GET /static/swagger/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n"  # more than buffers hold
)


@dataclass(frozen=True)
class Kind:
    """What such a client sends at first, and then each second; it never reads."""

    first: bytes
    then_send: bytes = b""


KINDS = {
    "slow head": Kind(HEAD, b"x"),
    "slow body": Kind(BODY, b" "),
    "slow reader": Kind(UNREAD),
    "idle": Kind(b""),
}


@contextmanager
def beside(port: int) -> Iterator[None]:
    """Keep EACH_KIND clients of every kind connected; who is dropped comes again."""
    clients = [SlowClient(port, kind) for kind in KINDS.values() for _ in range(EACH_KIND)]
    stop = Event()
    thread = Thread(target=keep_going, args=(clients, stop.wait))
    thread.start()
    try:
        stop.wait(SETTLE_SECONDS)
        yield
    finally:
        stop.set()
        thread.join()
        for client in clients:
            client.socket.close()


def keep_going(clients: list["SlowClient"], wait: Callable[[float], bool]) -> None:
    while not wait(SECONDS_BETWEEN_BYTES):
        for client in clients:
            client.go_on()


class SlowClient:
    def __init__(self, port: int, kind: Kind) -> None:
        self._port = port
        self._kind = kind
        self.socket = socket.socket()
        self._connect()

    def _connect(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self._port))
        self.socket.sendall(self._kind.first)
        self.socket.setblocking(False)

    def go_on(self) -> None:
        try:
            if self._kind.then_send:
                self.socket.send(self._kind.then_send)
            elif not self._kind.first and not self.socket.recv(1):
                raise ConnectionError
        except BlockingIOError:
            return
        except OSError:
            self.socket.close()
            with suppress(OSError):
                self._connect()
