"""Queue: the requests that wait in a worker, and whether they would be answered in time.

The rule is that of CoDel (RFC 8289), which networks use, applied before a request is admitted, not after it
has waited. A burst may fill the queue. A queue that stays long is no burst: everybody waits, and nothing is
answered sooner. So the queue may take `burst` seconds, but only `target` seconds when it has not been worked
off in half of that for an `interval`. How long the queue would take is its length times the seconds that an
answer takes at present. Those are measured, whatever they go to: the model, other requests, a throttled
processor.
"""

from dataclasses import dataclass
from time import perf_counter

WEIGHT_OF_NEW = 0.2  # of a new measurement in the moving average


@dataclass(frozen=True)
class Rule:
    """How long a queue may get."""

    target: float
    """Seconds that a standing queue may take."""
    burst: float
    """Seconds that any queue may take."""
    interval: float
    """Seconds after which a queue that was never short is a standing one."""
    smallest: int
    """Requests that may always wait, so that a slow model still serves a few clients at once."""
    sample: tuple[int, int]
    """Answers that are too few to measure the rate, and that are enough."""


SMALL = Rule(target=0.01, burst=0.05, interval=0.1, smallest=64, sample=(8, 64))
LARGE = Rule(target=1, burst=5, interval=10, smallest=4, sample=(1, 1))


class Queue:
    """Requests whose body has arrived and whose answer has not been sent."""

    def __init__(self, rule: Rule, max_pending: int) -> None:
        self._rule = rule
        self._max_pending = max_pending
        self._too_few, self._enough = rule.sample
        self._seconds_each = 0.0
        self._filled_at = self._measured_at = self._short_at = perf_counter()
        self._answered = 0
        self.size = 0
        self.limit = max_pending

    def enter(self) -> None:
        if not self.size:
            self._filled_at = self._measured_at = perf_counter()
            self._answered = 0
        self.size += 1

    def leave(self) -> None:
        self.size -= 1
        self._answered += 1
        if not self.size or self._answered >= self._enough:
            self._measure(perf_counter())

    def _measure(self, now: float) -> None:
        if not self.size and now - self._filled_at <= self._rule.target / 2:
            self._short_at = now
        if self._answered >= self._too_few:
            self._adjust(now)

    def _adjust(self, now: float) -> None:
        """Measure the rate of the answers since the queue was empty or was measured, and set the limit."""
        seconds_each = (now - self._measured_at) / self._answered
        weight = WEIGHT_OF_NEW if self._seconds_each else 1
        self._seconds_each += weight * (seconds_each - self._seconds_each)
        self._measured_at = now
        self._answered = 0
        is_standing = now - self._short_at > self._rule.interval
        seconds = self._rule.target if is_standing else self._rule.burst
        self.limit = min(self._max_pending, max(self._rule.smallest, int(seconds / self._seconds_each)))
