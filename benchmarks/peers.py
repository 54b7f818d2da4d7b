"""Other model servers with one worker and their defaults, each in a virtual environment of its own.

All serve the pickled pipeline of the baseline.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.server_process import free_port, last_line
from benchmarks.servers import Server
from benchmarks.workloads import Rows
from benchmarks.workspace import ROOT, Workspace

VENVS = ROOT / "benchmarks" / ".venvs"
SHARED = ("joblib", "pandas", "scikit-learn")  # in our versions, or the peer could not unpickle the pipeline


@dataclass(frozen=True)
class Peer:
    """What to install, and how to start it with the Python of its virtual environment."""

    requirements: Sequence[str]
    server: Callable[[Workspace, Path], Server]


def install(
    names: Sequence[str], workspace: Workspace, skip: Callable[[str, BenchmarkError], None]
) -> list[Server]:
    """Install peers and return their servers; `skip` gets a peer that fails, with the reason."""
    servers = []
    for name in names:
        try:
            servers.append(_install(name, workspace))
        except BenchmarkError as error:
            skip(name, error)
    return servers


def _install(name: str, workspace: Workspace) -> Server:
    venv, peer, log = VENVS / name, PEERS[name], workspace.log(f"install-{name}")
    uv = (sys.executable, "-m", "uv")
    if not venv.exists():
        _call((*uv, "venv", "--python", sys.executable, str(venv)), log)
    python = venv / "bin" / "python"
    shared = [f"{package}=={version(package)}" for package in SHARED]
    _call((*uv, "pip", "install", "--python", str(python), *peer.requirements, *shared), log)
    return replace(peer.server(workspace, python), is_optional=True)


def _call(command: Sequence[str], log: Path, **environment: str) -> None:
    """Run a command to its end; raise BenchmarkError with its last line of output if it fails."""
    with log.open("wb") as output:
        done = subprocess.run(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=os.environ | environment,
            check=False,
        )
    if done.returncode:
        shown = " ".join([Path(command[0]).name, *command[1:3]])
        raise BenchmarkError(f"`{shown}` ended with {done.returncode}: {last_line(log)}")


def _path(python: Path) -> dict[str, str]:
    """Return the PATH on which a peer finds its own tools first."""
    return {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}


def _mlflow(workspace: Workspace, python: Path) -> Server:
    model = workspace.directory / "mlflow"
    save = (str(python), "-m", "benchmarks.apps.mlflow_save", str(model))
    _call(save, workspace.log("mlflow-save"), **workspace.environment)
    options = ("--env-manager", "local", "--host", "127.0.0.1", "--port", "{port}", "--workers", "1")
    return Server(
        name="mlflow",
        title="MLflow",
        command=(str(python), "-m", "mlflow", "models", "serve", "-m", str(model), *options),
        environment=_path(python) | {"MLFLOW_DISABLE_TELEMETRY": "true"},
        path="/invocations",
        directory=workspace.directory,
        write_body=as_dataframe_records,
    )


def as_dataframe_records(rows: Rows) -> bytes:
    return json.dumps({"dataframe_records": list(rows)}).encode()


def _bentoml(workspace: Workspace, python: Path) -> Server:
    service = "benchmarks.apps.bentoml_service:Census"
    home = {"BENTOML_HOME": str(workspace.directory / "bentoml"), "BENTOML_DO_NOT_TRACK": "True"}
    return Server(
        name="bentoml",
        title="BentoML",
        command=(str(python), "-m", "bentoml", "serve", service, "--port", "{port}"),
        environment=_path(python) | workspace.environment | home,
        ready_path="/readyz",
        read_predictions=lambda answer: answer,
    )


def _mlserver(workspace: Workspace, python: Path) -> Server:
    """MLServer with its scikit-learn runtime, in the process that answers HTTP."""
    models = workspace.directory / "mlserver"
    models.mkdir(exist_ok=True)
    settings = {
        "name": "census",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": str(workspace.pipeline)},
    }
    (models / "model-settings.json").write_text(json.dumps(settings))
    return Server(
        name="mlserver",
        title="MLServer",
        command=(str(python.with_name("mlserver")), "start", str(models)),
        environment=_path(python)
        | {
            "MLSERVER_HOST": "127.0.0.1",
            "MLSERVER_HTTP_PORT": "{port}",
            "MLSERVER_GRPC_PORT": str(free_port()),
            "MLSERVER_METRICS_PORT": str(free_port()),
            "MLSERVER_PARALLEL_WORKERS": "0",
            "MLSERVER_DEBUG": "false",
        },
        ready_path="/v2/models/census/ready",
        path="/v2/models/census/infer",
        directory=models,
        write_body=as_columns,
        read_predictions=lambda answer: answer["outputs"][0]["data"],
    )


def as_columns(rows: Rows) -> bytes:
    """Write a request of the Open Inference Protocol, with one tensor for each column of a DataFrame."""
    columns = [_column(name, [row[name] for row in rows]) for name in rows[0]]
    return json.dumps({"parameters": {"content_type": "pd"}, "inputs": columns}).encode()


def _column(name: str, values: Sequence[Any]) -> dict[str, Any]:
    column = {"name": name, "shape": [len(values), 1], "data": values}
    if isinstance(values[0], str):
        return column | {"datatype": "BYTES", "parameters": {"content_type": "str"}}
    return column | {"datatype": "INT64"}


def _litserve(workspace: Workspace, python: Path) -> Server:
    return Server(
        name="litserve",
        title="LitServe",
        command=(str(python), "-m", "benchmarks.apps.litserve_server", "{port}"),
        environment=_path(python) | workspace.environment,
    )


def _vetiver(workspace: Workspace, python: Path) -> Server:
    options = ("--port", "{port}", "--no-access-log", "--log-level", "warning")
    return Server(
        name="vetiver",
        title="vetiver",
        command=(str(python), "-m", "uvicorn", "--factory", "benchmarks.apps.vetiver_api:create", *options),
        environment=_path(python) | workspace.environment,
        ready_path="/ping",
        write_body=as_list,
        read_predictions=lambda answer: answer["predict"],
    )


def as_list(rows: Rows) -> bytes:
    return json.dumps(list(rows)).encode()


PEERS = {
    "mlflow": Peer(["mlflow==3.17.2"], _mlflow),
    "bentoml": Peer(["bentoml==1.4.39"], _bentoml),
    "mlserver": Peer(["mlserver==1.7.1", "mlserver-sklearn==1.7.1"], _mlserver),
    "litserve": Peer(["litserve==0.2.19"], _litserve),
    "vetiver": Peer(["vetiver==0.2.6"], _vetiver),
}
