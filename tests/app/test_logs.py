"""Every script runs in an interpreter of its own: logging is set up for a whole process."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import pytest

from app.logs import FLUSH_SECONDS, WAITING_LINES

DEADLINE = 20.0
MANY = 20 * WAITING_LINES
LEVELS = """
logging.getLogger("app.here").debug("a detail")
logging.getLogger("app.here").info("two\\nlines", extra={"settings": {"port": 80}})
logging.getLogger("uvicorn.error").warning("once", extra={"color_message": "in colour"})
logging.getLogger("gunicorn.error").warning("once")
try:
    raise ValueError("why")
except ValueError:
    logging.getLogger("app.here").exception("it failed")
"""
MANY_LINES = f"""
drops = []
handler.on_drop = lambda: drops.append(1)
for number in range({MANY}):
    logging.info("line %s", number)
print(len(drops), flush=True)
input()
logging.info("the last line")
"""
TWO_PROCESSES = """
logging.info("before the fork")
parent = os.fork()
for _ in range(100):
    logging.info("x" * 20_000)
if parent:
    os.wait()
"""


Process = subprocess.Popen[str]


@contextmanager
def running(
    script: str, level: str = "info", stderr: int = subprocess.PIPE
) -> Iterator[subprocess.Popen[str]]:
    """Run a script that logs; it is killed at the end if it still runs."""
    prologue = f"import logging, os\nfrom app import logs\nhandler = logs.configure({level!r})\n"
    process = subprocess.Popen(
        [sys.executable, "-c", prologue + script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )
    with process:
        yield process
        process.kill()


def logged(script: str, level: str = "info") -> list[dict[str, Any]]:
    with running(script, level) as process:
        out, err = process.communicate(timeout=DEADLINE)
        assert (process.returncode, out) == (0, "")
    return [json.loads(line) for line in err.splitlines()]


def pipes(process: Process) -> tuple[IO[str], IO[str], IO[str]]:
    assert process.stdin
    assert process.stdout
    assert process.stderr
    return process.stdin, process.stdout, process.stderr


def test_record_is_one_line_of_json() -> None:
    records = logged(LEVELS)
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
    assert [record["message"] for record in logged(LEVELS, level)] == messages


DROPPED = " log lines were dropped because nobody read the log"


def test_a_pipe_that_nobody_reads_blocks_nothing_and_the_lines_it_cost_are_counted() -> None:
    with running(MANY_LINES) as process:
        stdin, stdout, stderr = pipes(process)
        dropped = int(stdout.readline())  # is there before anything was read from standard error
        stdin.write("\n")
        stdin.flush()
        records = [json.loads(line) for line in stderr]

    messages = [record["message"] for record in records]
    numbers = [int(message.removeprefix("line ")) for message in messages if message.startswith("line ")]
    assert 0 < dropped < MANY - WAITING_LINES
    assert numbers == sorted(set(numbers))
    assert len(numbers) == MANY - dropped
    reports = [record for record in records if record["message"].endswith(DROPPED)]
    is_last_dropped = "the last line" not in messages  # if it came before a line was read
    reported = sum(int(report["message"].removesuffix(DROPPED)) for report in reports)
    assert reported == dropped + is_last_dropped
    assert {(report["level"], report["logger"]) for report in reports} == {("WARNING", "app.logs")}
    assert (
        len(messages) == len(numbers) + len(reports) + messages.count("the last line") == len(set(messages))
    )


def test_a_process_ends_although_nobody_reads_its_log() -> None:
    with running(MANY_LINES) as process:
        stdin, stdout, _ = pipes(process)
        stdout.readline()
        began = time.monotonic()
        stdin.write("\n")
        stdin.flush()
        assert process.wait(DEADLINE) == 0
    assert time.monotonic() - began > FLUSH_SECONDS / 2, "it waited for a reader"


def test_a_closed_pipe_costs_the_lines_alone() -> None:
    with running(MANY_LINES) as process:
        stdin, stdout, stderr = pipes(process)
        stderr.close()
        assert int(stdout.readline()) > 0
        stdin.write("\n")
        stdin.flush()
        assert process.wait(DEADLINE) == 0


def test_a_forked_process_logs_and_long_lines_of_two_processes_stay_whole() -> None:
    with running(TWO_PROCESSES) as process:
        _, _, stderr = pipes(process)
        messages = []
        for line in stderr:
            messages.append(json.loads(line)["message"])
            time.sleep(0.001)  # a slow reader, so that the pipe is full most of the time
    assert messages.count("before the fork") == 1
    assert messages.count("x" * 20_000) == 200


def test_a_pipe_that_another_program_made_non_blocking_gets_every_line() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with running(TWO_PROCESSES, stderr=writer), os.fdopen(reader) as stderr:
        os.close(writer)
        time.sleep(0.1)  # so that the pipe is full
        assert sum(json.loads(line)["message"] == "x" * 20_000 for line in stderr) == 200


def test_a_record_that_can_not_be_formatted_stops_nothing() -> None:
    with running('logging.info("%d", "text")\nlogging.info("after")') as process:
        _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    assert "TypeError" in err
    assert err.count('"message": "after"') == 1
