"""Clients that send a bit of everything, one request after another, beside the load that is measured."""

import http.client
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from threading import Event, Thread

from benchmarks.errors import BenchmarkError
from benchmarks.server_process import HOST
from benchmarks.workloads import Rows, as_csv, as_inputs

SECONDS_BETWEEN = 0.05
TIMEOUT_SECONDS = 60
OVERLOADED = 503
JSON, CSV = "application/json", "text/csv"
BOUNDARY = "frontier"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
GARBAGE = b"garbage\r\n\r\n"


@dataclass(frozen=True)
class Request:
    """A request, and the status that it gets unless the service is overloaded."""

    status: int
    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def mix(rows: Rows) -> list[Request]:
    """Return batches of all sizes, CSV, uploads, pages and errors."""
    csv = as_csv(rows[:500])
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="rows.csv"\r\n\r\n'.encode()
    )
    form = head + csv + f"\r\n--{BOUNDARY}--\r\n".encode()
    return [
        Request(200, "POST", "/predict", as_inputs(rows[:100]), {"Content-Type": JSON}),
        Request(200, "POST", "/predict", csv, {"Content-Type": CSV, "Accept": CSV}),
        Request(200, "POST", "/predict/file", form, {"Content-Type": FORM}),
        Request(400, "POST", "/predict", b"{", {"Content-Type": JSON}),
        Request(400, "POST", "/predict/file", head, {"Content-Type": FORM}),
        Request(422, "POST", "/predict", b'{"inputs": [{"unknown": [1, 2, 3]}]}', {"Content-Type": JSON}),
        Request(415, "POST", "/predict", b"a=b", {"Content-Type": "text/plain"}),
        Request(413, "POST", "/predict", b"", {"Content-Type": JSON, "Content-Length": "99999999"}),
        Request(404, "GET", "/nothing"),
        Request(405, "DELETE", "/predict"),
        Request(200, "GET", "/metrics"),
        Request(200, "GET", "/docs"),
        Request(200, "GET", "/card"),
        Request(200, "POST", "/predict", as_inputs(rows[:2_000]), {"Content-Type": JSON}),
    ]


class MixedClients:
    """Sends the requests in turn; after each round some clients leave amid a request or send garbage."""

    def __init__(self, port: int, requests: Sequence[Request]) -> None:
        self.answers: Counter[int] = Counter()
        self.errors: list[str] = []
        self._port = port
        self._requests = requests
        self._stop = Event()

    def run(self) -> None:
        for number, request in enumerate(cycle(self._requests)):
            if self._stop.wait(SECONDS_BETWEEN):
                return
            try:
                self._send(request)
                if number % len(self._requests) == 0:
                    self._leave(request)
                    self._leave(Request(0, "GET", "/"), GARBAGE)
            except (OSError, http.client.HTTPException) as error:
                self.errors.append(f"{request.method} {request.path}: {error!r}")

    def stop(self) -> None:
        self._stop.set()

    def _send(self, request: Request) -> None:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(request.method, request.path, request.body or None, request.headers)
            answer = connection.getresponse()
            answer.read()
        finally:
            connection.close()
        self.answers[answer.status] += 1
        if answer.status not in {request.status, OVERLOADED}:
            self.errors.append(f"{request.method} {request.path}: {answer.status}, not {request.status}")

    def _leave(self, request: Request, sent: bytes = b"") -> None:
        """Send a part of the request, and close the connection."""
        head = f"{request.method} {request.path} HTTP/1.1\r\nContent-Length: {len(request.body)}\r\n\r\n"
        with socket.create_connection((HOST, self._port), timeout=TIMEOUT_SECONDS) as client:
            client.sendall(sent or head.encode() + request.body[: len(request.body) // 2])


@contextmanager
def beside(port: int, requests: Sequence[Request]) -> Iterator[MixedClients]:
    """Send while the block runs; raise BenchmarkError in the end if an answer was wrong or absent."""
    clients = MixedClients(port, requests)
    thread = Thread(target=clients.run)
    thread.start()
    try:
        yield clients
    finally:
        clients.stop()
        thread.join()
    if clients.errors:
        raise BenchmarkError(f"{len(clients.errors)} answers were wrong; the first: {clients.errors[0]}")
