"""What was measured, and the medians of it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

MICROSECONDS = 1e6


@dataclass(frozen=True)
class Run:
    """One run of one server under one workload, in which every request was answered with 2xx."""

    requests: int
    seconds: float
    cpu_seconds: float
    p50_ms: float
    p99_ms: float
    answer_bytes: float = 0
    beside_requests: int = 0
    """Requests that went on beside and are not counted; the CPU of such a run says nothing."""

    @property
    def requests_per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def cpu_us(self) -> float:
        return self.cpu_seconds / self.requests * MICROSECONDS


@dataclass(frozen=True)
class Figures:
    """Medians over the runs of one server under one workload."""

    requests_per_second: float
    rows_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    cpu_us_lowest: float
    cpu_us_highest: float
    answer_bytes: float
    runs: int

    def document(self) -> dict[str, Any]:
        return {name: round(value, 3) for name, value in asdict(self).items()}


def medians(runs: Sequence[Run], rows: int) -> Figures:
    """Return each figure's own median: the middle run of one is not always that of another."""
    rate = median(run.requests_per_second for run in runs)
    return Figures(
        requests_per_second=rate,
        rows_per_second=rate * rows,
        p50_ms=median(run.p50_ms for run in runs),
        p99_ms=median(run.p99_ms for run in runs),
        cpu_us=median(run.cpu_us for run in runs),
        cpu_us_lowest=min(run.cpu_us for run in runs),
        cpu_us_highest=max(run.cpu_us for run in runs),
        answer_bytes=median(run.answer_bytes for run in runs),
        runs=len(runs),
    )


@dataclass(frozen=True)
class Footprint:
    """What a server takes before it does anything for anyone."""

    ready_seconds: float
    pss_bytes: float
    installed_bytes: int

    def document(self) -> dict[str, Any]:
        return {name: round(value, 3) for name, value in asdict(self).items()}
