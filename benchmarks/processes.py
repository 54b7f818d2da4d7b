"""What a tree of processes has used, from the kernel's own accounting."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PROC = Path("/proc")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
KB = 1024


@dataclass(frozen=True)
class Stat:
    """The fields of /proc/PID/stat that matter here (proc_pid_stat(5))."""

    pid: int
    parent: int
    ticks: int
    """User and system time of the process and of its children that were waited for."""

    @classmethod
    def parse(cls, line: str) -> Self:
        """The name of the program stands in brackets and may hold spaces and brackets itself."""
        head, _, tail = line.rpartition(")")
        fields = tail.split()
        return cls(int(head.split()[0]), parent=int(fields[1]), ticks=sum(map(int, fields[11:15])))


def tree(root: int) -> list[Stat]:
    """Return the process and all its descendants; nothing if it is gone."""
    stats = {stat.pid: stat for stat in _all()}
    found = [stats[root]] if root in stats else []
    for each in found:  # grows while it is walked
        found += [stat for stat in stats.values() if stat.parent == each.pid]
    return found


def cpu_seconds(root: int) -> float:
    """Return the CPU time of the tree so far. It never shrinks: a child that ends passes its own on."""
    return sum(stat.ticks for stat in tree(root)) / TICKS_PER_SECOND


def pss_bytes(root: int) -> int:
    """Return the memory of the tree; what is shared counts in parts, so that the sum is right."""
    return sum(_pss(stat.pid) for stat in tree(root))


def parse_pss(rollup: str) -> int:
    """Return the bytes of the line `Pss:` of /proc/PID/smaps_rollup."""
    lines = (line.split() for line in rollup.splitlines())
    return next((int(words[1]) * KB for words in lines if words[:1] == ["Pss:"]), 0)


def _pss(pid: int) -> int:
    try:
        return parse_pss((PROC / str(pid) / "smaps_rollup").read_text())
    except OSError:  # it ended meanwhile
        return 0


def _all() -> Iterator[Stat]:
    for path in PROC.glob("[0-9]*/stat"):
        try:
            yield Stat.parse(path.read_text())
        except OSError:  # it ended meanwhile
            continue
