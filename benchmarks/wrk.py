"""wrk, the load generator: started on its own core, and its last line read."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BenchmarkError, RefusedError, SkippedError
from benchmarks.workloads import Workload

SCRIPT = Path(__file__).with_name("wrk.lua")
TIMEOUT_SECONDS = 60  # for the slowest server's largest body; wrk's own default would call it an error
SOCKET_ERRORS = ("connect", "read", "write", "timeout")


@dataclass(frozen=True)
class Load:
    """What wrk saw of one run without a failed request."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    answer_bytes: float
    """Of one answer on the wire, with its headers."""


def check_installed() -> None:
    for tool in ("wrk", "taskset"):
        if shutil.which(tool) is None:
            raise BenchmarkError(f"{tool} is not installed. On Debian: apt-get install wrk util-linux.")


def start(url: str, workload: Workload, bodies: Path, seconds: float, core: int) -> subprocess.Popen[str]:
    """Start to send; the answer of `finish` is what came of it."""
    options = ["-t1", f"-c{workload.connections}", f"-d{max(1, round(seconds))}s"]
    command = ["taskset", "-c", str(core), "wrk", *options, "--timeout", f"{TIMEOUT_SECONDS}s"]
    command += ["-s", str(SCRIPT), url, "--", str(bodies / workload.bodies), workload.media_type]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process: subprocess.Popen[str]) -> Load:
    """Wait for the run; raise RefusedError as `parse` does."""
    output, _ = process.communicate()
    if process.returncode:
        raise BenchmarkError(f"wrk failed: {output.strip()}")
    return parse(output)


def parse(output: str) -> Load:
    """Read the last line that the script wrote.

    Raises:
        RefusedError: a request was not answered with 2xx, or a socket failed.
        SkippedError: the run was too short for a single answer.
    """
    found = json.loads(output.strip().splitlines()[-1])
    if found["status"]:
        raise RefusedError(f"{found['status']:,} of {found['requests']:,} answers were not 2xx")
    failed = {name: found[name] for name in SOCKET_ERRORS if found[name]}
    if failed:
        raise RefusedError(f"sockets failed: {', '.join(f'{name} {n:,}' for name, n in failed.items())}")
    if not found["requests"]:
        raise SkippedError("no request was answered in time")
    return Load(
        requests=found["requests"],
        seconds=found["microseconds"] / 1e6,
        p50_ms=found["p50"] / 1e3,
        p99_ms=found["p99"] / 1e3,
        answer_bytes=found["bytes"] / found["requests"],
    )
