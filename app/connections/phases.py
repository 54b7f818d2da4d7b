"""Phase: what a connection waits for."""

from enum import Enum, auto
from typing import Any


class Phase(Enum):
    FIRST_BYTE = auto()
    HEAD = auto()
    BODY = auto()
    WORK = auto()
    READER = auto()
    """The client has not taken all that was written."""
    NEXT_REQUEST = auto()
    CLOSE = auto()


IDLE = {Phase.FIRST_BYTE, Phase.HEAD, Phase.NEXT_REQUEST, Phase.CLOSE}
"""Phases in which a connection may be closed to make room for another."""


class Watch:
    """What the sweep noted about a connection, and when."""

    __slots__ = ("phase", "progress", "since", "subject")

    def __init__(self) -> None:
        self.phase: Phase | None = None
        self.subject: Any = None
        self.progress = 0
        self.since = float("inf")  # until the first sweep: idle for a shorter time than any other

    def begin(self, phase: Phase, subject: Any, progress: int, now: float) -> None:
        self.phase = phase
        self.subject = subject
        self.progress = progress
        self.since = now
