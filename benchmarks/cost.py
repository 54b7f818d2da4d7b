"""Dollars for a million predictions on Fargate, from the CPU that one request takes.

The formula and the prices (us-east-1, x86) are those of infra/README.md.
"""

from dataclasses import asdict, dataclass
from typing import Any

VCPU_HOUR = 0.04048
GB_HOUR = 0.004445
LCU_HOUR = 0.008  # an LCU is 1 GB through the load balancer in an hour, so a million requests of 1 kB
LOGS_PER_GB = 0.50
PRICES_READ = "November 2026"

SECONDS_PER_HOUR = 3600
MILLION = 1e6
KB = 1e3


@dataclass(frozen=True)
class Assumptions:
    """What the price depends on beside the CPU; a task's vCPU is taken to be one core of this machine."""

    tasks: int = 3
    vcpu_per_task: float = 1
    gb_per_task: float = 2
    use: float = 0.3
    fixed_dollars_per_hour: float = 0.0325
    log_kb_per_request: float = 0

    @property
    def task_dollars_per_hour(self) -> float:
        return self.vcpu_per_task * VCPU_HOUR + self.gb_per_task * GB_HOUR

    def sentence(self) -> str:
        return (
            f"Fargate x86 in us-east-1, {self.tasks} tasks of {self.vcpu_per_task:g} vCPU and "
            f"{self.gb_per_task:g} GB, used to {self.use:.0%} on average; load balancer and addresses "
            f"${self.fixed_dollars_per_hour:g} an hour and ${LCU_HOUR:g} per GB; "
            f"{self.log_kb_per_request:g} kB of log per request at ${LOGS_PER_GB:.2f} per GB. "
            f"A vCPU is taken to be as fast as one core of this machine. Prices as of {PRICES_READ}."
        )

    def document(self) -> dict[str, Any]:
        return asdict(self)


def per_million_predictions(
    cpu_us: float, rows: int, request_bytes: float, assumptions: Assumptions
) -> float:
    """Return dollars for a million rows, sent `rows` at a time; `request_bytes` counts both directions."""
    rate = MILLION * assumptions.vcpu_per_task / cpu_us  # what one task can answer in a second
    hourly = assumptions.tasks * assumptions.task_dollars_per_hour + assumptions.fixed_dollars_per_hour
    answered = SECONDS_PER_HOUR * assumptions.tasks * rate * assumptions.use
    traffic = LCU_HOUR * request_bytes / KB + LOGS_PER_GB * assumptions.log_kb_per_request
    return (MILLION * hourly / answered + traffic) / rows
