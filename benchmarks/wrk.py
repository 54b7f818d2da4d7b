"""Starts the load generator wrk on its own core, and reads the line of metrics that `wrk.lua` prints."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BenchmarkError, NoAnswerError

SCRIPT = Path(__file__).with_name("wrk.lua")
TIMEOUT_SECONDS = 60  # long enough for the largest body at the slowest server, which is not an error
SOCKET_ERRORS = ("connect", "read", "write", "timeout")


@dataclass(frozen=True)
class Load:
    """A run in which every answer had a 2xx status."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float


def check_installed() -> None:
    for tool in ("wrk", "taskset"):
        if shutil.which(tool) is None:
            raise BenchmarkError(f"{tool} is not installed. On Debian: apt-get install wrk util-linux.")


def start(
    url: str, connections: int, bodies: Path, content_type: str, seconds: int, core: int
) -> "subprocess.Popen[str]":
    """Start to send the bodies of the file in turn; `finish` returns the metrics."""
    options = [f"-c{connections}", f"-d{seconds}s", "--timeout", f"{TIMEOUT_SECONDS}s", "-s", str(SCRIPT)]
    command = ["taskset", "-c", str(core), "wrk", "-t1", *options, url, "--", str(bodies), content_type]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process: "subprocess.Popen[str]") -> Load:
    """Wait for the end of the run; raise as `parse` does."""
    output, _ = process.communicate()
    if process.returncode:
        raise BenchmarkError(f"wrk failed: {output.strip()}")
    return parse(output)


def parse(output: str) -> Load:
    """Read the last line of the output.

    Raises:
        BenchmarkError: an answer had no 2xx status, or a socket failed; the metrics mean nothing then.
        NoAnswerError: the run ended before the first answer.
    """
    line = json.loads(output.strip().splitlines()[-1])
    if line["status"]:
        raise BenchmarkError(f"{line['status']:,} of {line['requests']:,} answers had no 2xx status")
    failures = [f"{name} {line[name]:,}" for name in SOCKET_ERRORS if line[name]]
    if failures:
        raise BenchmarkError(f"sockets failed: {', '.join(failures)}")
    if not line["requests"]:
        raise NoAnswerError("the run ended before the first answer")
    return Load(
        requests=line["requests"],
        seconds=line["microseconds"] / 1e6,
        p50_ms=line["p50"] / 1e3,
        p99_ms=line["p99"] / 1e3,
    )
