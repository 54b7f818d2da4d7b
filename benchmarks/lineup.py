"""The servers that are compared, but for the peers."""

import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from app.core.contract import Contract, load_contract
from benchmarks.bodies import Rows, Writer, as_inputs, prepare
from benchmarks.server import ROOT, Server
from benchmarks.workloads import Workload

UVICORN = ("uvicorn", "uvloop", "httptools")
OURS, FLOOR_A, FLOOR_B, BASELINE, LIMIT = "ours", "floor-a", "floor-b", "baseline", "limit"
LIMIT_TITLE = "in-process limit"


@dataclass(frozen=True)
class Setup:
    """What every server is started with."""

    model_dir: Path
    work: Path

    @cached_property
    def contract(self) -> Contract:
        return load_contract(self.model_dir)

    @property
    def answers(self) -> Path:
        """What our service answered, for the floors to repeat."""
        return self.work / "answers"

    @property
    def pipeline(self) -> Path:
        return self.work / "pipeline.joblib"

    def bodies(self, writer: Writer) -> Path:
        """The directory of the bodies that this writer wrote."""
        return self.work / "bodies" / f"{writer.__module__}.{writer.__qualname__}"

    def prepare(self, workloads: Sequence[Workload], rows: Rows, writer: Writer = as_inputs) -> None:
        """Write the bodies of the workloads, unless they are there."""
        prepare(self.bodies(writer), workloads, rows, writer)

    def log(self, server: str) -> Path:
        return self.work / f"{server}.log"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "MODEL_DIR": str(self.model_dir),
            "ANSWERS": str(self.answers),
            "PIPELINE": str(self.pipeline),
        }


def ours(setup: Setup, workers: int = 1) -> Server:
    """The service as `run.sh` starts it, with its defaults."""
    return Server(
        name=OURS,
        title="this service",
        command=("./run.sh",),
        environment={
            "PORT": "{port}",
            "MODEL_DIR": str(setup.model_dir),
            "WEB_CONCURRENCY": str(workers),
            "PYTHON": sys.executable,
        },
        ready="/ready",
        packages=tuple(runtime_packages()),
        csv=True,
    )


def floor_a(setup: Setup) -> Server:
    return Server(
        name=FLOOR_A,
        title="floor A",
        command=_uvicorn("floor_a"),
        environment=setup.environment,
        path="/predict/{rows}",
        packages=UVICORN,
        labels=None,
    )


def floor_b(setup: Setup) -> Server:
    return Server(
        name=FLOOR_B,
        title="floor B",
        command=_uvicorn("floor_b"),
        environment=setup.environment,
        path="/predict/{rows}",
        packages=("fastapi", *UVICORN),
        labels=None,
    )


def baseline(setup: Setup) -> Server:
    return Server(
        name=BASELINE,
        title="baseline",
        command=_uvicorn("baseline"),
        environment=setup.environment,
        packages=("fastapi", "pandas", "scikit-learn", "joblib", *UVICORN),
    )


def runtime_packages() -> list[str]:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    return list(groups["runtime"])


def _uvicorn(module: str) -> tuple[str, ...]:
    options = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning")
    app = ("--factory", f"benchmarks.servers.{module}:create")
    return (sys.executable, "-m", "uvicorn", *app, "--port", "{port}", *options)
