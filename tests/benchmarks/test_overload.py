from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import overload
from benchmarks.open_loop import Health, Phase
from benchmarks.overload import MULTIPLES, Overload


@pytest.fixture
def results() -> Overload:
    normal = Phase(3000, 2.0, 6000, 0, 6000, 0, 0, 0, 0.5, 2.0)
    busy = [
        replace(normal, rate=5000 * multiple, ok=9600, refused=400, unsent=1000, p99_ms=8.0)
        for multiple in MULTIPLES[1:]
    ]
    return Overload(
        machine={"date": "2026-11-27", "cpu": "a CPU", "load_before": 0.1},
        peak=5000,
        phases=[normal, *busy, normal, normal, normal],
        health=Health(200, 1, 12.3),
        pss_before=80_000_000,
        pss_after=81_000_000,
    )


def test_the_page_compares_every_rate_with_the_peak(results: Overload) -> None:
    lines = overload.page(results).splitlines()
    assert "| 0.6 × peak | 3,000 | 0.60 | 0 | 0 | 0.5 | 2.0 | 1.0 |" in lines
    assert "| 10 × peak | 50,000 | 0.96 | 200 | 500 | 0.5 | 8.0 | 4.0 |" in lines
    assert "| then 0.6, first second | 3,000 | 0.60 | 0 | 0 | 0.5 | 2.0 | 1.0 |" in lines
    assert (
        "/health, asked ten times a second on new connections: 200 answers, 1 failures, p99 12 ms. "
        "Memory before 80 MB, after 81 MB."
    ) in lines


def test_page_plot_and_numbers_are_written(results: Overload, tmp_path: Path) -> None:
    overload.write(results, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"overload.json", "overload.md", "overload.svg"}
    assert "<svg" in (tmp_path / "overload.svg").read_text()
