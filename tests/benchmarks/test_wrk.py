import json
from typing import Any

import pytest

from benchmarks.errors import RefusedError, SkippedError
from benchmarks.wrk import Load, parse


def output(**changes: Any) -> str:
    """Return what wrk prints: its own report, then the line of our script."""
    line = {
        "requests": 3_000,
        "microseconds": 1_500_000,
        "p50": 250,
        "p99": 4_000,
        "bytes": 900_000,
        "connect": 0,
        "read": 0,
        "write": 0,
        "timeout": 0,
        "status": 0,
    } | changes
    return f"Running 1s test @ http://127.0.0.1:1\n  1 threads and 16 connections\n\n{json.dumps(line)}\n"


def test_the_last_line_is_read_in_seconds_and_milliseconds() -> None:
    assert parse(output()) == Load(requests=3_000, seconds=1.5, p50_ms=0.25, p99_ms=4.0, answer_bytes=300)


def test_a_run_with_an_answer_that_is_not_2xx_is_refused() -> None:
    with pytest.raises(RefusedError, match="1 of 3,000 answers were not 2xx"):
        parse(output(status=1))


@pytest.mark.parametrize("kind", ["connect", "read", "write", "timeout"])
def test_a_run_with_a_socket_error_is_refused(kind: str) -> None:
    with pytest.raises(RefusedError, match=f"^sockets failed: {kind} 2$"):
        parse(output(**{kind: 2}))


def test_a_run_without_an_answer_is_skipped() -> None:
    with pytest.raises(SkippedError, match="no request was answered in time"):
        parse(output(requests=0))
