"""Counters that forked processes share."""

import mmap

import numpy as np
import numpy.typing as npt

MAX_PROCESSES = 256


class SharedCells:
    """Counters in memory that forked processes share. Every process has a slot: a row of cells."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._memory = mmap.mmap(-1, MAX_PROCESSES * size * 8)
        self.use_slot(0)

    def use_slot(self, slot: int) -> None:
        """Count in that slot from now on, 0 to MAX_PROCESSES - 1. Two living processes never share one."""
        row = memoryview(self._memory)[slot * self._size * 8 : (slot + 1) * self._size * 8]
        self.own = row.cast("d")

    def totals(self) -> list[float]:
        """Return each cell's sum over all slots."""
        rows: npt.NDArray[np.float64] = np.frombuffer(self._memory).reshape(MAX_PROCESSES, self._size)
        totals: list[float] = rows.sum(axis=0).tolist()
        return totals
