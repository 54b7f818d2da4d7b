"""LitServe, one worker, without batching."""

from typing import Any

from benchmarks.lineup import Setup
from benchmarks.peers.peer import Environment, Peer
from benchmarks.server import Server

VERSION = "0.2.19"


def server(setup: Setup, environment: Environment) -> Server:
    labels = setup.contract.target.labels

    def read(answer: Any) -> list[str]:
        return [labels[position] for position in answer["predictions"]]

    return Server(
        name="litserve",
        title=f"LitServe {VERSION}",
        command=(environment.python, "-m", "benchmarks.servers.peer_litserve", "{port}"),
        environment={"PATH": environment.path, "PIPELINE": str(setup.pipeline)},
        site_packages=environment.site_packages,
        labels=read,
        peer=True,
    )


PEER = Peer("litserve", [f"litserve=={VERSION}"], server)
