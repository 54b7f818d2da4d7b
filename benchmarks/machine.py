"""Where the figures come from: enough to judge them, and nothing that names the host."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = (
    "fastapi",
    "gunicorn",
    "httptools",
    "numpy",
    "onnxruntime",
    "pandas",
    "pydantic",
    "scikit-learn",
    "starlette",
    "uvicorn",
    "uvloop",
)
CPU_INFO = Path("/proc/cpuinfo")
MEMORY_INFO = Path("/proc/meminfo")
KB_PER_GB = 2**20


def describe() -> dict[str, Any]:
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "cpu": cpu_model(CPU_INFO.read_text()),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(int(MEMORY_INFO.read_text().split()[1]) / KB_PER_GB),
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def cpu_model(cpu_info: str) -> str:
    """Return the name in /proc/cpuinfo; ARM machines have none."""
    lines = (line.partition(":") for line in cpu_info.splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == "model name"), "unknown")
