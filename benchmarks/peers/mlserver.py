"""MLServer with its scikit-learn runtime, in the process that speaks HTTP."""

import json
from typing import Any

from benchmarks.bodies import Rows
from benchmarks.lineup import Setup
from benchmarks.peers.peer import Environment, Peer
from benchmarks.server import Server, free_port

VERSION = "1.7.1"


def as_columns(rows: Rows) -> bytes:
    """Write the Open Inference Protocol: one tensor for each column of a DataFrame."""
    columns = [_column(name, [row[name] for row in rows]) for name in rows[0]]
    return json.dumps({"parameters": {"content_type": "pd"}, "inputs": columns}).encode()


def _column(name: str, values: list[Any]) -> dict[str, Any]:
    text = isinstance(values[0], str)
    tensor = {"name": name, "shape": [len(values), 1], "datatype": "BYTES" if text else "INT64"}
    return tensor | {"data": values} | ({"parameters": {"content_type": "str"}} if text else {})


def server(setup: Setup, environment: Environment) -> Server:
    labels = setup.contract.target.labels
    models = setup.work / "mlserver"
    models.mkdir(exist_ok=True)
    settings = {
        "name": "census",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": str(setup.pipeline)},
    }
    (models / "model-settings.json").write_text(json.dumps(settings))

    def read(answer: Any) -> list[str]:
        return [labels[position] for position in answer["outputs"][0]["data"]]

    return Server(
        name="mlserver",
        title=f"MLServer {VERSION}",
        command=(str(environment.directory / "bin" / "mlserver"), "start", str(models)),
        environment={
            "PATH": environment.path,
            "MLSERVER_HOST": "127.0.0.1",
            "MLSERVER_HTTP_PORT": "{port}",
            "MLSERVER_GRPC_PORT": str(free_port()),
            "MLSERVER_METRICS_PORT": str(free_port()),
            "MLSERVER_PARALLEL_WORKERS": "0",
            "MLSERVER_DEBUG": "false",
        },
        ready="/v2/models/census/ready",
        path="/v2/models/census/infer",
        site_packages=environment.site_packages,
        directory=models,
        body=as_columns,
        labels=read,
        peer=True,
    )


PEER = Peer("mlserver", [f"mlserver=={VERSION}", f"mlserver-sklearn=={VERSION}"], server)
