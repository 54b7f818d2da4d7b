from typing import Any

from benchmarks import report
from benchmarks.metrics import Metrics, Results
from benchmarks.workloads import CSV_ROWS, HUNDRED_ROWS, MANY_CLIENTS, MIXED, ONE_ROW

MACHINE: dict[str, Any] = {
    "date": "2026-11-20",
    "cpu": "AMD EPYC",
    "cores": 2,
    "memory_gb": 24,
    "system": "Linux x86_64",
    "load_before": 0.1,
    "python": "3.13.1",
    "packages": {"numpy": "2.4.6"},
}
MODEL = {"name": "census-income", "version": "1.0.0", "data_source": "real"}


def results() -> Results:
    results = Results(MACHINE, MODEL, schedule={"rounds": 3, "seconds": 2})
    results.titles = {"service": "this service", "floor-a": "floor A", "baseline": "baseline"}
    results.add("service", ONE_ROW, Metrics(12_000, cpu_us=80, p50_ms=0.5, p99_ms=3))
    results.add("floor-a", ONE_ROW, Metrics(24_000, cpu_us=40, p50_ms=0.25, p99_ms=2))
    results.add("baseline", ONE_ROW, Metrics(200, cpu_us=5_000, p50_ms=80, p99_ms=99))
    return results


def test_speed_compares_every_server_with_floors_and_baseline() -> None:
    assert report.speed(results(), ONE_ROW).splitlines()[2:] == [
        "| this service | 12,000 | 12,000 | 0.50 | 3.00 | 80.0 | 2.00 | - | 60.00 |",
        "| floor A | 24,000 | 24,000 | 0.25 | 2.00 | 40.0 | 1.00 | - | 120.00 |",
        "| baseline | 200 | 200 | 80.00 | 99.00 | 5,000.0 | 125.00 | - | 1.00 |",
    ]


def test_rate_of_rows_is_shown_where_only_the_service_is_measured() -> None:
    measured = results()
    measured.add("service", CSV_ROWS, Metrics(20, cpu_us=50_000, p50_ms=49, p99_ms=60))
    assert report.speed(measured, CSV_ROWS).splitlines()[2:] == [
        "| this service | 20 | 200,000 | 49.00 | 60.00 | 50,000.0 | - | - | - |"
    ]


def test_mixed_shows_latency_alone_and_beside_a_large_body() -> None:
    measured = results()
    measured.add("service", MIXED, Metrics(9_000, 90, p50_ms=0.75, p99_ms=8, background_requests=1_095))
    assert report.mixed(measured).splitlines()[2:] == ["| this service | 0.50 | 0.75 | 3.00 | 8.00 | 1,095 |"]


def test_a_target_is_met_or_missed_and_left_out_when_not_measured() -> None:
    measured = results()
    measured.add("service", MANY_CLIENTS, Metrics(24_000, cpu_us=60, p50_ms=2, p99_ms=4))
    measured.add("floor-a", MANY_CLIENTS, Metrics(30_000, cpu_us=40, p50_ms=1, p99_ms=2))
    measured.add("service", HUNDRED_ROWS, Metrics(1_800, cpu_us=500, p50_ms=2, p99_ms=4))
    measured.add("service", CSV_ROWS, Metrics(12, cpu_us=80_000, p50_ms=80, p99_ms=90))
    measured.add("service", MIXED, Metrics(9_000, 90, p50_ms=0.75, p99_ms=53))
    assert report.targets(measured).splitlines()[2:] == [
        "| 1 row: CPU per request × floor A | ≤ 2 | 2.00 | met |",
        "| 1 row: requests/s × baseline | ≥ 40 | 60.00 | met |",
        "| 1 row: p99 × floor A | ≤ 2 | 1.50 | met |",
        "| 1 row, 64 connections: CPU per request × floor A | ≤ 1.6 | 1.50 | met |",
        "| 100 rows: rows/s ÷ requests/s of floor A with 1 row | ≥ 6.5 | 7.50 | met |",
        "| CSV of 10,000 rows: rows/s ÷ requests/s of floor A with 1 row | ≥ 5.9 | 5.00 | missed |",
        "| ms that 10,000 rows beside add to the p99 of single rows | ≤ 30 | 50.00 | missed |",
    ]


def test_the_page_says_on_what_was_measured_and_what_was_not() -> None:
    measured = results()
    measured.skipped["mlflow"] = "the server ended with 1: no output"
    page = report.page(measured)
    assert (
        "2026-11-20: AMD EPYC, 2 cores, 24 GB, Linux x86_64, Python 3.13.1; numpy 2.4.6. "
        "Model census-income 1.0.0, trained on real data. Rounds: 3; seconds per run: 2. "
        "Load average before: 0.1; above 0.5, other work disturbed the runs. "
        "Bare floor (floor A, 1 row, 16 connections): 24,000 requests/s at 40.0 µs of CPU each."
    ) in page
    assert page.endswith("## Not measured\n\n- mlflow: the server ended with 1: no output\n")
