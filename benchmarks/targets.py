"""The bounds that the service should keep, as ratios within one run. A missed target fails nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from benchmarks.metrics import Results
from benchmarks.servers import BASELINE, FLOOR_A, FLOOR_B, LIMIT, SERVICE
from benchmarks.workloads import HUNDRED_ROWS, MIXED, ONE_ROW, THOUSAND_ROWS, Workload


@dataclass(frozen=True)
class Target:
    """A measured value of the service and its bound."""

    title: str
    sign: Literal["≤", "≥"]
    bound: float
    measure: Callable[[Results], float | None]
    """Returns None when a run that it needs is absent."""

    def is_met(self, value: float) -> bool:
        return value <= self.bound if self.sign == "≤" else value >= self.bound


def _ratio(workload: Workload, metric: str, reference: str) -> Callable[[Results], float | None]:
    return lambda results: results.ratio(workload, metric, SERVICE, reference)


def _added_p99_ms(results: Results) -> float | None:
    alone, mixed = results.metrics(SERVICE, ONE_ROW), results.metrics(SERVICE, MIXED)
    return mixed.p99_ms - alone.p99_ms if alone and mixed else None


TARGETS = (
    Target("1 row: CPU per request × floor A", "≤", 2.8, _ratio(ONE_ROW, "cpu_us", FLOOR_A)),
    Target("1 row: CPU per request × floor B", "≤", 0.65, _ratio(ONE_ROW, "cpu_us", FLOOR_B)),
    Target("1 row: requests/s × baseline", "≥", 40, _ratio(ONE_ROW, "requests_per_second", BASELINE)),
    Target("1 row: p99 × floor A", "≤", 3, _ratio(ONE_ROW, "p99_ms", FLOOR_A)),
    Target("100 rows: CPU per request × floor B", "≤", 1.1, _ratio(HUNDRED_ROWS, "cpu_us", FLOOR_B)),
    Target("100 rows: requests/s × baseline", "≥", 12, _ratio(HUNDRED_ROWS, "requests_per_second", BASELINE)),
    Target(
        "1,000 rows: requests/s × in-process limit",
        "≥",
        0.75,
        _ratio(THOUSAND_ROWS, "requests_per_second", LIMIT),
    ),
    Target("ms that 10,000 rows beside add to the p99 of single rows", "≤", 30, _added_p99_ms),
)
