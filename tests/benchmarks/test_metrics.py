import json

from benchmarks.metrics import Footprint, Metrics, Results, medians
from benchmarks.workloads import ONE_ROW, THOUSAND_ROWS


def run(requests_per_second: float, cpu_us: float, p99_ms: float = 1) -> Metrics:
    return Metrics(requests_per_second, cpu_us, p50_ms=0.5, p99_ms=p99_ms)


def results() -> Results:
    results = Results(machine={"cores": 2}, model={"name": "tiny"}, schedule={"rounds": 1})
    results.titles = {"service": "this service", "floor-a": "floor A"}
    results.add("service", ONE_ROW, run(12_000, 80))
    results.add("floor-a", ONE_ROW, run(24_000, 40))
    results.footprints["service"] = Footprint(ready_seconds=0.5, pss_bytes=80_000_000)
    return results


def test_each_metric_has_its_own_median() -> None:
    runs = [run(1_000, 100, p99_ms=9), run(2_000, 50, p99_ms=3), run(4_000, 250, p99_ms=6)]
    assert medians(runs) == run(2_000, 100, p99_ms=6)


def test_a_ratio_needs_both_servers() -> None:
    assert results().ratio(ONE_ROW, "cpu_us", "service", "floor-a") == 2
    assert results().ratio(ONE_ROW, "cpu_us", "service", "floor-b") is None
    assert results().ratio(THOUSAND_ROWS, "cpu_us", "service", "floor-a") is None


def test_the_document_has_every_run() -> None:
    document = json.loads(json.dumps(results().document()))
    assert document == {
        "machine": {"cores": 2},
        "model": {"name": "tiny"},
        "schedule": {"rounds": 1},
        "titles": {"service": "this service", "floor-a": "floor A"},
        "runs": [
            {
                "server": server,
                "workload": "1x16",
                "requests_per_second": requests_per_second,
                "cpu_us": cpu_us,
                "p50_ms": 0.5,
                "p99_ms": 1,
                "background_requests": 0,
            }
            for server, requests_per_second, cpu_us in [("service", 12_000, 80), ("floor-a", 24_000, 40)]
        ],
        "footprints": {"service": {"ready_seconds": 0.5, "pss_bytes": 80_000_000}},
        "skipped": {},
    }
