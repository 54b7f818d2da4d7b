"""The bounds that the service should keep, as ratios within one run. A missed target fails nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from benchmarks.metrics import Results
from benchmarks.servers import BASELINE, FLOOR_A, FLOOR_B, LIMIT, SERVICE
from benchmarks.workloads import (
    CSV_ROWS,
    HUNDRED_ROWS,
    MANY_CLIENTS,
    MIXED,
    ONE_ROW,
    THOUSAND_ROWS,
    Workload,
)


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


def _rows_per_request_of_floor_a(workload: Workload) -> Callable[[Results], float | None]:
    """Divide a rate by that of a server that computes nothing, so that its bound holds on any machine."""

    def measure(results: Results) -> float | None:
        service, floor = results.metrics(SERVICE, workload), results.metrics(FLOOR_A, ONE_ROW)
        if service is None or floor is None:
            return None
        return service.requests_per_second * workload.rows / floor.requests_per_second

    return measure


def _added_p99_ms(results: Results) -> float | None:
    alone, mixed = results.metrics(SERVICE, ONE_ROW), results.metrics(SERVICE, MIXED)
    return mixed.p99_ms - alone.p99_ms if alone and mixed else None


TARGETS = (
    Target("1 row: CPU per request × floor A", "≤", 2.0, _ratio(ONE_ROW, "cpu_us", FLOOR_A)),
    Target("1 row: CPU per request × floor B", "≤", 0.45, _ratio(ONE_ROW, "cpu_us", FLOOR_B)),
    Target("1 row: requests/s × baseline", "≥", 40, _ratio(ONE_ROW, "requests_per_second", BASELINE)),
    Target("1 row: p99 × floor A", "≤", 2, _ratio(ONE_ROW, "p99_ms", FLOOR_A)),
    Target(
        "1 row, 64 connections: CPU per request × floor A",
        "≤",
        1.6,
        _ratio(MANY_CLIENTS, "cpu_us", FLOOR_A),
    ),
    Target("100 rows: CPU per request × floor B", "≤", 0.95, _ratio(HUNDRED_ROWS, "cpu_us", FLOOR_B)),
    Target(
        "100 rows: rows/s ÷ requests/s of floor A with 1 row",
        "≥",
        6.5,
        _rows_per_request_of_floor_a(HUNDRED_ROWS),
    ),
    Target("100 rows: requests/s × baseline", "≥", 12, _ratio(HUNDRED_ROWS, "requests_per_second", BASELINE)),
    Target(
        "1,000 rows: requests/s × in-process limit",
        "≥",
        0.75,
        _ratio(THOUSAND_ROWS, "requests_per_second", LIMIT),
    ),
    Target(
        "CSV of 10,000 rows: rows/s ÷ requests/s of floor A with 1 row",
        "≥",
        5.9,
        _rows_per_request_of_floor_a(CSV_ROWS),
    ),
    Target("ms that 10,000 rows beside add to the p99 of single rows", "≤", 30, _added_p99_ms),
)
