"""Clients that send requests while something happens to the service."""

import time
from http.client import HTTPConnection, HTTPException
from threading import Event, Thread
from types import TracebackType
from typing import Self

from tests.support.service_process import DEADLINE, ServiceProcess, wait_for

CLIENTS = 3
PAUSE_SECONDS = 0.005
"""Between the requests of a client: the load is light, because tests share the machine."""


class Load:
    """Clients that request predictions, one after another each, for as long as a with block lasts."""

    def __init__(self, service: ServiceProcess, body: bytes, *, keep_alive: bool = False) -> None:
        """Use a connection for each request, or keep connections alive."""
        self.answered = 0
        self.statuses: set[int] = set()
        self.lost: list[str] = []
        """Requests that got no answer, each by its reason."""
        self._port, self._body = service.port, body
        self._headers = {"Content-Type": "application/json"} | ({} if keep_alive else {"Connection": "close"})
        self._ends = Event()
        self._threads = [Thread(target=self._send_requests) for _ in range(CLIENTS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join()

    def wait_for_answers(self, count: int) -> None:
        """Wait until so many more requests are answered."""
        target = self.answered + count
        wait_for(lambda: self.answered >= target, f"{count} more answers; lost: {self.lost}")

    def _send_requests(self) -> None:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=DEADLINE)
        while not self._ends.is_set():
            try:
                connection.request("POST", "/predict", self._body, self._headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, HTTPException) as error:
                self.lost.append(repr(error))
                connection.close()
            else:
                self.statuses.add(answer.status)
                self.answered += 1
            time.sleep(PAUSE_SECONDS)
        connection.close()
