import pytest

from benchmarks.cost import Assumptions, per_million_predictions

# 3.6 ms of CPU per request are a vCPU-hour for a million requests; a task that is always busy does no more.
BUSY = Assumptions(tasks=1, gb_per_task=0, use=1, fixed_dollars_per_hour=0)


def test_a_vcpu_hour_of_work_costs_a_vcpu_hour() -> None:
    assert per_million_predictions(3_600, 1, 0, BUSY) == pytest.approx(0.04048)


def test_half_the_use_costs_twice() -> None:
    half = Assumptions(tasks=1, gb_per_task=0, use=0.5, fixed_dollars_per_hour=0)
    assert per_million_predictions(3_600, 1, 0, half) == pytest.approx(2 * 0.04048)


def test_a_request_of_a_hundred_rows_costs_a_hundredth_for_each() -> None:
    assert per_million_predictions(3_600, 100, 0, BUSY) == pytest.approx(0.0004048)


def test_traffic_and_logs_are_paid_by_the_kilobyte() -> None:
    logging = Assumptions(tasks=1, gb_per_task=0, use=1, fixed_dollars_per_hour=0, log_kb_per_request=2)
    assert per_million_predictions(3_600, 1, 3_000, logging) == pytest.approx(0.04048 + 3 * 0.008 + 2 * 0.5)


def test_the_load_balancer_is_shared_by_the_tasks() -> None:
    two = Assumptions(tasks=2, gb_per_task=2, use=1, fixed_dollars_per_hour=0.0325)
    hourly = 2 * (0.04048 + 2 * 0.004445) + 0.0325
    assert per_million_predictions(3_600, 1, 0, two) == pytest.approx(hourly / 2)


def test_the_assumptions_are_said() -> None:
    assert "3 tasks of 1 vCPU and 2 GB, used to 30% on average" in Assumptions().sentence()
