"""Bytes to the service, and the answers in what comes back."""

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

ANSWER_SECONDS = 20
"""No answer takes so long, unless the service hangs; generous, because tests share the machine."""
BETWEEN_SEGMENTS = 0.002
"""Seconds in which the service reads a segment before the next one comes, as a rule."""
WITHOUT_BODY = {204, 304}


@dataclass(frozen=True)
class Answer:
    """One response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        return self.headers.get("connection") == "close"


@dataclass
class Exchange:
    """What a connection brought."""

    answers: list[Answer] = field(default_factory=list)
    received: bytes = b""
    is_closed: bool = False
    """Whether the service closed it, properly or with a reset."""

    @property
    def statuses(self) -> tuple[int, ...]:
        return tuple(answer.status for answer in self.answers)


class Client:
    """A connection to the service."""

    def __init__(self, port: int, *, head_only: bool = False) -> None:
        """With `head_only` the requests are of the method HEAD, so that answers have no body."""
        self.exchange = Exchange()
        self._head_only = head_only
        self._rest = b""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, segments: Sequence[bytes]) -> None:
        """Send the segments one by one; the service may have closed before the last one."""
        for number, segment in enumerate(segments):
            if number:
                time.sleep(BETWEEN_SEGMENTS)
            try:
                self._socket.sendall(segment)
            except (BrokenPipeError, ConnectionResetError):
                return

    def wait_for_answers(self, count: int) -> None:
        """Read until there are so many answers, or the service closes; raise TimeoutError if it hangs."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while len(self.exchange.answers) < count and not self.exchange.is_closed:
            self._receive(deadline - time.monotonic())

    def wait_for_close(self) -> None:
        self.wait_for_answers(10**9)

    def read_what_is_there(self) -> None:
        """Read without waiting."""
        try:
            while not self.exchange.is_closed:
                self._receive(0)
        except BlockingIOError:
            pass

    def close(self) -> None:
        self._socket.close()

    def _receive(self, seconds: float) -> None:
        self._socket.settimeout(max(seconds, 0))
        try:
            received = self._socket.recv(2**16)
        except ConnectionResetError:
            received = b""
        self.exchange.is_closed = not received
        self.exchange.received += received
        self._rest += received
        while (answer_and_rest := read_answer(self._rest, head_only=self._head_only)) is not None:
            answer, self._rest = answer_and_rest
            if answer.status != 100:
                self.exchange.answers.append(answer)


def read_answer(received: bytes, *, head_only: bool = False) -> tuple[Answer, bytes] | None:
    """Return the first answer and what follows it; None if it is not complete."""
    head, blank, rest = received.partition(b"\r\n\r\n")
    if not blank:
        return None
    start_line, *lines = head.decode("latin-1").split("\r\n")
    version, status, _ = start_line.split(" ", 2)
    assert version == "HTTP/1.1", start_line
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    has_body = not head_only and int(status) not in WITHOUT_BODY and int(status) >= 200
    length = int(headers["content-length"]) if has_body else 0
    if len(rest) < length:
        return None
    return Answer(int(status), headers, rest[:length]), rest[length:]
