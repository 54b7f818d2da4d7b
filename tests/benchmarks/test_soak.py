from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import soak
from benchmarks.open_loop import Health, OpenLoad, Phase
from benchmarks.soak import Sample, Soak


def samples(
    seconds: int, *, memory: float = 0.0, descriptors: float = 0.0, latency: float = 0.0
) -> list[Sample]:
    """Return samples with noise and a peak now and then, and with growth by so much in the second half."""
    random = np.random.default_rng(1)
    return [
        Sample(
            seconds=float(second),
            memory=200 + float(random.normal(0, 3)) + 50 * (second % 20 == 0) + memory * 2 * second / seconds,
            descriptors=90 + int(random.integers(10)) + descriptors * 2 * second / seconds,
            latency=2 + random.random() + 30 * (second % 7 == 0) + latency * 2 * second / seconds,
        )
        for second in range(1, seconds + 1)
    ]


def failures(of: list[Sample]) -> list[str]:
    return [growth.metric for growth in soak.growths_of(of) if growth.has_failed]


@pytest.mark.parametrize("seconds", [60, 600])
def test_noise_and_peaks_are_no_growth(seconds: int) -> None:
    assert failures(samples(seconds)) == []


def test_growth_in_the_first_half_is_a_warm_up() -> None:
    warm = [replace(sample, memory=min(sample.seconds, 200)) for sample in samples(600)]
    assert failures(warm) == []


@pytest.mark.parametrize("seconds", [60, 600])
def test_leak_of_memory_fails(seconds: int) -> None:
    assert failures(samples(seconds, memory=20)) == ["memory"]


@pytest.mark.parametrize("seconds", [60, 600])
def test_leak_of_descriptors_fails(seconds: int) -> None:
    assert failures(samples(seconds, descriptors=15)) == ["descriptors"]


def test_latency_is_judged_in_a_long_run_only() -> None:
    assert failures(samples(600, latency=10)) == ["latency"]
    assert failures(samples(60, latency=10)) == []


def test_page_has_the_load_and_each_growth(tmp_path: Path) -> None:
    phase = Phase(2500, 605.0, 1_512_500, 0, 1_512_000, 500, 0, 0, 0.5, 2.0)
    of = samples(600, memory=20)
    result = Soak(
        machine={"date": "2026-11-27", "cpu": "a CPU", "load_before": 0.1},
        peak=5000,
        load=OpenLoad([phase], Health(6000, 0, 3.2)),
        answers={200: 500, 404: 100},
        growths=soak.growths_of(of),
        samples=of,
    )
    soak.write(result, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"soak.json", "soak.md"}
    text = (tmp_path / "soak.md").read_text()
    assert (
        "605 s of single rows at 2,500 a second, of a peak of 5,000: 1,512,000 answers, 500 refused, "
        "0 broken, p50 0.5 ms, p99 2.0 ms. Beside them a mix: 500 × 200, 100 × 404. "
        "/health: 6,000 answers, 0 failures, p99 3 ms."
    ) in text
    results = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    assert [(cells[0], cells[-1]) for cells in results[2:]] == [
        ("| memory, MB", "fails |"),
        ("| descriptors", "passes |"),
        ("| latency, ms", "passes |"),
    ]
