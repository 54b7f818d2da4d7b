"""Which core serves and which one asks."""

import os
from dataclasses import dataclass

from benchmarks.errors import BenchmarkError

LEAST = 2


@dataclass(frozen=True)
class Cores:
    """One core for the load, the others for servers."""

    server: tuple[int, ...]
    load: int

    @property
    def servers(self) -> str:
        """In the words of taskset."""
        return ",".join(map(str, self.server))


def choose(workers: int = 1) -> Cores:
    """Return a core for each worker and another for the load.

    Where there are not enough, the last worker shares its core with the load: see `shared`.
    """
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < LEAST:
        raise BenchmarkError("Two cores are needed: one for the server and one for the load.")
    return Cores(server=tuple(usable[:workers]), load=usable[-1])


def shared(cores: Cores) -> bool:
    """Say whether the load takes time from a server, so that only CPU per request can be compared."""
    return cores.load in cores.server
