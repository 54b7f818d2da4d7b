"""CPU time and memory of a tree of processes, from the accounting of the kernel."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PROC = Path("/proc")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
BYTES_PER_KB = 1024


@dataclass(frozen=True)
class Stat:
    """Some fields of /proc/PID/stat; see proc_pid_stat(5)."""

    pid: int
    parent: int
    ticks: int
    """User and system time of the process and of its children that ended."""

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read a line; the name of the program is in brackets and may contain spaces and brackets."""
        head, _, tail = line.rpartition(")")
        fields = tail.split()
        return cls(int(head.split()[0]), parent=int(fields[1]), ticks=sum(map(int, fields[11:15])))


def cpu_seconds(root: int) -> float:
    """Return the CPU time of the tree so far. A child that ends passes its time on to its parent."""
    return sum(stat.ticks for stat in _tree(root)) / TICKS_PER_SECOND


def pss_bytes(root: int) -> int:
    """Return the memory of the tree. Each page counts once, divided among the processes that share it."""
    return sum(_pss(stat.pid) for stat in _tree(root))


def descriptors(root: int) -> int:
    """Return how many file descriptors the processes of the tree have open."""
    return sum(_open_files(stat.pid) for stat in _tree(root))


def _tree(root: int) -> list[Stat]:
    """Return the process and all its descendants; nothing if it has ended."""
    stats = {stat.pid: stat for stat in _all()}
    tree = [stats[root]] if root in stats else []
    for parent in tree:  # the list grows during the loop
        tree += [stat for stat in stats.values() if stat.parent == parent.pid]
    return tree


def _all() -> Iterator[Stat]:
    for path in PROC.glob("[0-9]*/stat"):
        try:
            yield Stat.parse(path.read_text())
        except OSError:  # the process ended in between
            continue


def _pss(pid: int) -> int:
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:  # the process ended in between
        return 0
    return next((int(line.split()[1]) * BYTES_PER_KB for line in lines if line.startswith("Pss:")), 0)


def _open_files(pid: int) -> int:
    try:
        return sum(1 for _ in (PROC / str(pid) / "fd").iterdir())
    except OSError:  # the process ended in between
        return 0
