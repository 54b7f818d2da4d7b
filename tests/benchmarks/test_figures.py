from benchmarks.figures import Figures, Run, medians


def run(requests: int, cpu_seconds: float, p99_ms: float) -> Run:
    return Run(
        requests=requests, seconds=2, cpu_seconds=cpu_seconds, p50_ms=1, p99_ms=p99_ms, answer_bytes=300
    )


def test_every_figure_is_its_own_median() -> None:
    runs = [run(1_000, 0.1, 9), run(2_000, 0.1, 3), run(4_000, 1.0, 6)]
    assert medians(runs, rows=10) == Figures(
        requests_per_second=1_000,
        rows_per_second=10_000,
        p50_ms=1,
        p99_ms=6,
        cpu_us=100,
        cpu_us_lowest=50,
        cpu_us_highest=250,
        answer_bytes=300,
        runs=3,
    )
