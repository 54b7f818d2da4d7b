"""The metrics of a run, their medians over the runs, and ratios between servers."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from statistics import median
from typing import Any

from benchmarks.workloads import Workload


@dataclass(frozen=True)
class Metrics:
    """One run of one server under one workload, or the medians of several."""

    requests_per_second: float
    cpu_us: float
    """User and system time per request in microseconds, of the whole process tree of the server."""
    p50_ms: float
    p99_ms: float
    background_requests: float = 0
    """Answers to the background load. They cost CPU too, so `cpu_us` means nothing in such a run."""


def medians(runs: Sequence[Metrics]) -> Metrics:
    """Return the median of each metric by itself."""
    names = [field.name for field in fields(Metrics)]
    return Metrics(**{name: median(getattr(run, name) for run in runs) for name in names})


@dataclass(frozen=True)
class Footprint:
    """What a server needs apart from its requests."""

    ready_seconds: float
    pss_bytes: int


@dataclass
class Results:
    """All runs of one benchmark."""

    machine: dict[str, Any]
    model: dict[str, str]
    schedule: dict[str, Any]
    titles: dict[str, str] = field(default_factory=dict)
    """The title of every server, by its name, in the order of the report."""
    runs: dict[tuple[str, str], list[Metrics]] = field(default_factory=dict)
    """The runs of each server and workload, by their names."""
    footprints: dict[str, Footprint] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    """What was not measured, with the reason."""

    def add(self, server: str, workload: Workload, run: Metrics) -> None:
        self.runs.setdefault((server, workload.name), []).append(run)

    def metrics(self, server: str, workload: Workload) -> Metrics | None:
        """Return the medians of a server under a workload, None if it was not measured."""
        runs = self.runs.get((server, workload.name))
        return medians(runs) if runs else None

    def ratio(self, workload: Workload, metric: str, server: str, reference: str) -> float | None:
        """Return a metric of one server divided by that of another, None if either was not measured."""
        numerator, denominator = self.metrics(server, workload), self.metrics(reference, workload)
        if numerator is None or denominator is None or not getattr(denominator, metric):
            return None
        return float(getattr(numerator, metric) / getattr(denominator, metric))

    def document(self) -> dict[str, Any]:
        """Return everything as JSON values, with the metrics of every single run."""
        runs = [
            {"server": server, "workload": workload} | asdict(run)
            for (server, workload), several in self.runs.items()
            for run in several
        ]
        footprints = {name: asdict(footprint) for name, footprint in self.footprints.items()}
        return vars(self) | {"runs": runs, "footprints": footprints}
