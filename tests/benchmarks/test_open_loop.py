import json
from typing import Any

import pytest

from benchmarks import open_loop
from benchmarks.errors import BenchmarkError
from benchmarks.open_loop import Health, OpenLoad, Phase

PHASE: dict[str, Any] = {
    "rate": 2000,
    "seconds": 2.0,
    "due": 4000,
    "unsent": 500,
    "ok": 3000,
    "refused": 400,
    "other": 0,
    "broken": 100,
    "p50_ms": 1.25,
    "p99_ms": 9.5,
}
HEALTH: dict[str, Any] = {"answered": 19, "failed": 1, "p99_ms": 4.5}


def output(**changes: Any) -> str:
    return json.dumps({"phases": [PHASE, PHASE | changes], "health": HEALTH})


def test_the_results_of_each_phase_are_read() -> None:
    load = open_loop.parse(output(ok=1000))
    assert load == OpenLoad([Phase(**PHASE), Phase(**PHASE | {"ok": 1000})], Health(**HEALTH))
    assert [phase.goodput for phase in load.phases] == [1500, 500]


def test_a_status_other_than_200_and_503_is_an_error() -> None:
    with pytest.raises(BenchmarkError, match=r"^7 answers had neither status 200 nor 503$"):
        open_loop.parse(output(other=7))


def test_an_absent_compiler_is_an_error_that_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(
        BenchmarkError, match=r"^The open loop needs a C compiler\. On Debian: apt-get install gcc"
    ):
        open_loop.compile_to(tmp_path / "open_loop")
