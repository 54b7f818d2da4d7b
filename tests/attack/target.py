"""The service under attack, and what must hold whatever it is sent."""

import re
import time
from http.client import HTTPConnection
from pathlib import Path

from app.core.errors import ProblemDocument
from tests.attack.messages import MARKER
from tests.attack.wire import ANSWER_SECONDS, Answer, Exchange
from tests.support.prometheus import series
from tests.support.service_process import ServiceProcess

DOCUMENTED = {200, 204, 400, 401, 404, 405, 408, 413, 414, 415, 422, 429, 431}
"""What docs/api.md says. A 503 is documented too, for an overload; no single client causes one."""
MEMORY_BYTES = 100 * 2**20
"""How much the worker may grow in the whole suite: less than a tenth of what the bodies hold together."""
PAUSE_SECONDS = 0.02
SCRAPES = 3


class Target:
    """A service of one worker."""

    def __init__(self, service: ServiceProcess) -> None:
        self.service = service
        self.port = service.port
        self.workers = service.workers
        self.memory = self.resident_bytes()
        self._metrics = HTTPConnection("127.0.0.1", service.port, timeout=ANSWER_SECONDS)
        self._scrapes = 0

    def executed(self) -> dict[str, float]:
        """Return the counts of requests by route and status, without those of this method itself."""
        counts = {
            name: value for name, value in self._scrape().items() if name.startswith("http_requests_total")
        }
        own = 'http_requests_total{route="/metrics",status="200"}'
        counts[own] = counts.get(own, 0) - self._scrapes + 1  # the scrape itself is not counted yet
        return counts

    def wait_until_idle(self) -> None:
        """Wait until no request but the scrape is being answered."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while self._scrape()["http_requests_in_flight"] != 1:
            assert time.monotonic() < deadline, "a request is still being answered"
            time.sleep(PAUSE_SECONDS)

    def wait_a_moment(self) -> None:
        """Wait until it is idle, but not for a request that waits for the rest of its body."""
        for _ in range(SCRAPES):
            if self._scrape()["http_requests_in_flight"] == 1:
                return

    def assert_unharmed(self) -> None:
        """Assert that the same worker answers, holds no request, and has logged no error."""
        self.wait_until_idle()
        assert self.service.workers == self.workers
        assert self.service.request("GET", "/health")[0] == 200
        assert self.resident_bytes() - self.memory < MEMORY_BYTES
        assert [record for record in self.service.records if record["level"] in {"ERROR", "CRITICAL"}] == []
        assert MARKER.decode() not in "\n".join(self.service.lines)

    def close(self) -> None:
        self._metrics.close()

    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.workers[0]}/status").read_text()
        match = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert match
        return int(match[1]) * 1024

    def _scrape(self) -> dict[str, float]:
        self._metrics.request("GET", "/metrics")
        self._scrapes += 1
        answer = self._metrics.getresponse()
        assert answer.status == 200, "one request after another is never too many"
        return series(answer.read().decode())


def assert_proper(exchange: Exchange) -> None:
    """Assert that the answers are whole and documented, and repeat nothing that the client sent."""
    assert MARKER not in exchange.received
    assert b"Traceback" not in exchange.received
    for answer in exchange.answers:
        assert answer.status in DOCUMENTED
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answer.headers
        if answer.status >= 400 and answer.body:
            assert_problem(answer)


def assert_problem(answer: Answer) -> None:
    assert answer.headers["content-type"] == "application/problem+json"
    document = ProblemDocument.model_validate_json(answer.body, extra="forbid")
    assert document.status == answer.status
