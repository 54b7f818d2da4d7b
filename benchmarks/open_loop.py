"""Compiles and starts the open-loop load generator, and reads the line of results that it prints."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BenchmarkError

SOURCE = Path(__file__).with_name("open_loop.c")


@dataclass(frozen=True)
class Phase:
    """What became of the requests that were due at one constant rate."""

    rate: float
    seconds: float
    due: int
    unsent: int
    """Due while no connection was free."""
    ok: int
    refused: int
    """Answered with 503."""
    other: int
    broken: int
    """Sent on a connection that ended before the answer."""
    p50_ms: float
    p99_ms: float

    @property
    def goodput(self) -> float:
        """Answers with 200, per second."""
        return self.ok / self.seconds


@dataclass(frozen=True)
class Health:
    """How /health was answered beside the load, ten times a second on new connections."""

    answered: int
    failed: int
    p99_ms: float


@dataclass(frozen=True)
class OpenLoad:
    phases: list[Phase]
    health: Health


def compile_to(path: Path) -> None:
    """Compile the generator to a program at `path`."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise BenchmarkError("The open loop needs a C compiler. On Debian: apt-get install gcc libc6-dev.")
    done = subprocess.run(
        [compiler, "-O2", "-o", str(path), str(SOURCE)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchmarkError(f"{SOURCE.name} does not compile: {done.stderr.strip()}")


def run(
    program: Path, core: int, port: int, connections: int, bodies: Path, phases: Sequence[tuple[float, float]]
) -> OpenLoad:
    """Send the bodies in turn, at each rate for its seconds."""
    arguments = [str(port), str(connections), str(bodies), *(f"{rate:.0f}:{s:g}" for rate, s in phases)]
    done = subprocess.run(
        ["taskset", "-c", str(core), str(program), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchmarkError(f"the open loop failed: {done.stderr.strip()}")
    return parse(done.stdout)


def parse(output: str) -> OpenLoad:
    """Read the results; raise BenchmarkError if an answer had a status other than 200 and 503."""
    results = json.loads(output)
    phases = [Phase(**phase) for phase in results["phases"]]
    if others := sum(phase.other for phase in phases):
        raise BenchmarkError(f"{others:,} answers had neither status 200 nor 503")
    return OpenLoad(phases, Health(**results["health"]))
