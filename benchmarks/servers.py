"""The servers that are compared: the service, two floors and a baseline. `peers` has the others."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.workloads import BodyWriter, as_inputs
from benchmarks.workspace import ROOT, Workspace

SERVICE, FLOOR_A, FLOOR_B, BASELINE, LIMIT = "service", "floor-a", "floor-b", "baseline", "limit"
LIMIT_TITLE = "in-process limit"


@dataclass(frozen=True)
class Server:
    """How to start a server and how to ask it; `{port}` and `{rows}` in its texts are filled in later."""

    name: str
    title: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_path: str = "/health"
    path: str = "/predict"
    directory: Path = ROOT
    write_body: BodyWriter = as_inputs
    read_predictions: Callable[[Any], Sequence[str | int]] | None = lambda answer: answer["predictions"]
    """Returns the labels of a JSON answer, or their positions; a floor has none."""
    reads_csv: bool = False
    is_optional: bool = False
    """Whether the benchmark goes on without this server when it fails."""


def own_servers(workspace: Workspace) -> list[Server]:
    """Return the service, as `run.sh` starts it with one worker, the floors and the baseline."""
    settings = {
        "PORT": "{port}",
        "MODEL_DIR": str(workspace.model_dir),
        "WEB_CONCURRENCY": "1",
        "PYTHON": sys.executable,
    }
    variables = workspace.environment
    return [
        Server(SERVICE, "this service", ("./run.sh",), settings, ready_path="/ready", reads_csv=True),
        _floor(FLOOR_A, "floor A", _uvicorn("floor_a"), variables),
        _floor(FLOOR_B, "floor B", _uvicorn("floor_b"), variables),
        Server(BASELINE, "baseline", _uvicorn("baseline"), variables),
    ]


def _floor(name: str, title: str, command: Sequence[str], variables: Mapping[str, str]) -> Server:
    return Server(name, title, command, variables, path="/predict/{rows}", read_predictions=None)


def _uvicorn(module: str) -> tuple[str, ...]:
    options = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning")
    app = ("--factory", f"benchmarks.apps.{module}:create")
    return (sys.executable, "-m", "uvicorn", *app, "--port", "{port}", *options)
