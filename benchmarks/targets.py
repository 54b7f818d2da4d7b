"""What the service is held to, as ratios within one run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from benchmarks.lineup import BASELINE, FLOOR_A, FLOOR_B, LIMIT, OURS
from benchmarks.results import Results
from benchmarks.workloads import ALONE, HUNDRED, MIXED, SINGLES, THOUSAND, Workload


@dataclass(frozen=True)
class Target:
    """A figure of the service and its bound."""

    what: str
    sign: Literal["≤", "≥"]
    limit: float
    find: Callable[[Results], float | None]

    @property
    def bound(self) -> str:
        return f"{self.sign} {self.limit:g}"

    def met(self, found: float) -> bool:
        return found <= self.limit if self.sign == "≤" else found >= self.limit


def _ratio(workload: Workload, figure: str, other: str) -> Callable[[Results], float | None]:
    return lambda results: results.ratio(workload, figure, OURS, other)


def _added_p99_ms(results: Results) -> float | None:
    alone, beside = results.figures(OURS, ALONE), results.figures(OURS, MIXED)
    return beside.p99_ms - alone.p99_ms if alone and beside else None


TARGETS = (
    Target("1 row: CPU per request × floor A", "≤", 2.8, _ratio(SINGLES, "cpu_us", FLOOR_A)),
    Target("1 row: CPU per request × floor B", "≤", 0.65, _ratio(SINGLES, "cpu_us", FLOOR_B)),
    Target("1 row: requests/s × baseline", "≥", 40, _ratio(SINGLES, "requests_per_second", BASELINE)),
    Target("1 row: p99 at 16 connections × floor A", "≤", 3, _ratio(SINGLES, "p99_ms", FLOOR_A)),
    Target("100 rows: CPU per request × floor B", "≤", 1.1, _ratio(HUNDRED, "cpu_us", FLOOR_B)),
    Target("100 rows: rows/s × baseline", "≥", 12, _ratio(HUNDRED, "rows_per_second", BASELINE)),
    Target("1,000 rows: rows/s × in-process limit", "≥", 0.75, _ratio(THOUSAND, "rows_per_second", LIMIT)),
    Target("10,000 rows beside: ms added to the p99 of single rows", "≤", 30, _added_p99_ms),
)
