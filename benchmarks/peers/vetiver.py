"""vetiver."""

import json
from typing import Any

from benchmarks.bodies import Rows
from benchmarks.lineup import Setup
from benchmarks.peers.peer import Environment, Peer
from benchmarks.server import Server

VERSION = "0.2.6"


def as_list(rows: Rows) -> bytes:
    return json.dumps(list(rows)).encode()


def server(setup: Setup, environment: Environment) -> Server:
    labels = setup.contract.target.labels

    def read(answer: Any) -> list[str]:
        return [labels[position] for position in answer["predict"]]

    options = ("--port", "{port}", "--no-access-log", "--log-level", "warning")
    app = ("--factory", "benchmarks.servers.peer_vetiver:create")
    return Server(
        name="vetiver",
        title=f"vetiver {VERSION}",
        command=(environment.python, "-m", "uvicorn", *app, *options),
        environment={"PATH": environment.path} | setup.environment,
        ready="/ping",
        site_packages=environment.site_packages,
        body=as_list,
        labels=read,
        peer=True,
    )


PEER = Peer("vetiver", [f"vetiver=={VERSION}"], server)
