import json
from typing import Any

import pytest

from benchmarks import wrk
from benchmarks.errors import BenchmarkError, NoAnswerError
from benchmarks.wrk import Load


def output(**changes: Any) -> str:
    """Return the output of wrk: its own report and then the line of our script."""
    line = {
        "requests": 3_000,
        "microseconds": 1_500_000,
        "p50": 250,
        "p99": 4_000,
        "connect": 0,
        "read": 0,
        "write": 0,
        "timeout": 0,
        "status": 0,
    } | changes
    return f"Running 1s test @ http://127.0.0.1:1\n  1 threads and 16 connections\n\n{json.dumps(line)}\n"


def test_the_last_line_is_read_in_seconds_and_milliseconds() -> None:
    assert wrk.parse(output()) == Load(requests=3_000, seconds=1.5, p50_ms=0.25, p99_ms=4.0)


def test_a_status_other_than_2xx_is_an_error() -> None:
    with pytest.raises(BenchmarkError, match=r"^1 of 3,000 answers had no 2xx status$"):
        wrk.parse(output(status=1))


@pytest.mark.parametrize("kind", ["connect", "read", "write", "timeout"])
def test_a_socket_error_is_an_error(kind: str) -> None:
    with pytest.raises(BenchmarkError, match=f"^sockets failed: {kind} 2$"):
        wrk.parse(output(**{kind: 2}))


def test_a_run_without_an_answer_is_told_apart() -> None:
    with pytest.raises(NoAnswerError, match=r"^the run ended before the first answer$"):
        wrk.parse(output(requests=0))


def test_an_absent_tool_is_an_error_that_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(BenchmarkError, match=r"^wrk is not installed\. On Debian: apt-get install wrk"):
        wrk.check_installed()
