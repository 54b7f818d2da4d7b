"""The machine on which the benchmark runs: enough to judge the results, and nothing that names the host."""

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError

PACKAGES = ("fastapi", "numpy", "onnxruntime", "pandas", "pydantic", "scikit-learn", "uvicorn", "uvloop")
LEAST_CORES = 2
KB_PER_GB = 2**20


@dataclass(frozen=True)
class Cores:
    """One core for the server and one for the load, by their numbers."""

    server: int
    load: int


def choose_cores() -> Cores:
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < LEAST_CORES:
        raise BenchmarkError("The benchmark needs two cores: one for the server and one for the load.")
    return Cores(server=usable[0], load=usable[-1])


def describe() -> dict[str, Any]:
    memory_kb = int(Path("/proc/meminfo").read_text().split()[1])
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "cpu": cpu_model(Path("/proc/cpuinfo").read_text()),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory_kb / KB_PER_GB),
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def cpu_model(cpu_info: str) -> str:
    """Return the name in /proc/cpuinfo; ARM machines have none there."""
    lines = (line.partition(":") for line in cpu_info.splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == "model name"), "unknown")
