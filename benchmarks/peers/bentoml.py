"""BentoML, one worker, without batching."""

from typing import Any

from benchmarks.lineup import Setup
from benchmarks.peers.peer import Environment, Peer
from benchmarks.server import Server

VERSION = "1.4.39"


def server(setup: Setup, environment: Environment) -> Server:
    labels = setup.contract.target.labels
    service = "benchmarks.servers.peer_bentoml:Census"

    def read(answer: Any) -> list[str]:
        return [labels[position] for position in answer]

    return Server(
        name="bentoml",
        title=f"BentoML {VERSION}",
        command=(environment.python, "-m", "bentoml", "serve", service, "--port", "{port}"),
        environment={
            "PATH": environment.path,
            "PIPELINE": str(setup.pipeline),
            "BENTOML_HOME": str(setup.work / "bentoml"),
            "BENTOML_DO_NOT_TRACK": "True",
        },
        ready="/readyz",
        site_packages=environment.site_packages,
        labels=read,
        peer=True,
    )


PEER = Peer("bentoml", [f"bentoml=={VERSION}"], server)
