import json
import subprocess
import sys
from typing import Any

import pytest

SCRIPT = """
import logging, sys
from app import logs
logs.configure(sys.argv[1])
logging.getLogger("app.here").debug("a detail")
logging.getLogger("app.here").info("two\\nlines", extra={"settings": {"port": 80}})
logging.getLogger("uvicorn.error").warning("once", extra={"color_message": "in colour"})
logging.getLogger("gunicorn.error").warning("once")
try:
    raise ValueError("why")
except ValueError:
    logging.getLogger("app.here").exception("it failed")
"""


def logged(level: str) -> list[dict[str, Any]]:
    """Return the records of a fresh interpreter: logging is set up for a whole process."""
    command = [sys.executable, "-c", SCRIPT, level]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_record_is_one_line_of_json() -> None:
    records = logged("info")
    failure = records.pop()
    times = [record.pop("time") for record in [*records, failure]]
    assert records == [
        {"level": "INFO", "logger": "app.here", "message": "two\nlines", "settings": {"port": 80}},
        {"level": "WARNING", "logger": "uvicorn.error", "message": "once"},
        {"level": "WARNING", "logger": "gunicorn.error", "message": "once"},
    ]
    traceback = failure.pop("exc_info").splitlines()
    assert (traceback[0], traceback[-1]) == ("Traceback (most recent call last):", "ValueError: why")
    assert failure == {"level": "ERROR", "logger": "app.here", "message": "it failed"}
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("level", "messages"),
    [
        ("debug", ["a detail", "two\nlines", "once", "once", "it failed"]),
        ("warning", ["once", "once", "it failed"]),
        ("error", ["it failed"]),
    ],
)
def test_less_severe_records_are_left_out(level: str, messages: list[str]) -> None:
    assert [record["message"] for record in logged(level)] == messages
