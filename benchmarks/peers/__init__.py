"""Other model servers, each with the same scikit-learn pipeline and in a virtual environment of its own."""

from collections.abc import Callable, Sequence

from benchmarks.errors import SkippedError
from benchmarks.lineup import Setup
from benchmarks.peers import bentoml, litserve, mlflow, mlserver, vetiver
from benchmarks.peers.peer import Peer
from benchmarks.server import Server

PEERS: dict[str, Peer] = {
    peer.name: peer for peer in (mlflow.PEER, bentoml.PEER, mlserver.PEER, litserve.PEER, vetiver.PEER)
}


def available(names: Sequence[str], setup: Setup, skip: Callable[[str, str], None]) -> list[Server]:
    """Install the peers and return them; what can't be had is skipped, with the reason."""
    found = []
    for name in names:
        try:
            found.append(PEERS[name].install(setup))
        except SkippedError as error:
            skip(name, str(error))
    return found
