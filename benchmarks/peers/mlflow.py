"""MLflow models serve."""

import json
from typing import Any

from benchmarks.bodies import Rows
from benchmarks.lineup import Setup
from benchmarks.peers.peer import Environment, Peer, call
from benchmarks.server import Server

VERSION = "3.17.2"


def as_records(rows: Rows) -> bytes:
    return json.dumps({"dataframe_records": list(rows)}).encode()


def server(setup: Setup, environment: Environment) -> Server:
    """Save the pipeline as an MLflow model and serve it from there."""
    labels = setup.contract.target.labels
    model = setup.work / "mlflow"
    log = setup.log("mlflow-save")
    save = (environment.python, "-m", "benchmarks.servers.peer_mlflow", str(model))
    call(save, log, PIPELINE=str(setup.pipeline), MODEL_DIR=str(setup.model_dir))

    def read(answer: Any) -> list[str]:
        return [labels[position] for position in answer["predictions"]]

    options = ("--env-manager", "local", "--host", "127.0.0.1", "--port", "{port}", "--workers", "1")
    return Server(
        name="mlflow",
        title=f"MLflow {VERSION}",
        command=(environment.python, "-m", "mlflow", "models", "serve", "-m", str(model), *options),
        environment={"PATH": environment.path, "MLFLOW_DISABLE_TELEMETRY": "true"},
        path="/invocations",
        site_packages=environment.site_packages,
        directory=setup.work,
        body=as_records,
        labels=read,
        peer=True,
    )


PEER = Peer("mlflow", [f"mlflow=={VERSION}"], server)
