"""Logs as one JSON object per line on standard error, which no reader of theirs can hold up."""

import fcntl
import logging
import os
import select
from collections.abc import Callable
from contextlib import suppress
from queue import Full, Queue
from threading import Lock, Thread

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

STANDARD_ERROR = 2
WAITING_LINES = 1000
"""Lines that wait for a reader; more are dropped. With a traceback each, they hold about 10 MB."""
FLUSH_SECONDS = 1.0
"""How long a process waits at its end until its last lines are read."""


class StderrHandler(logging.Handler):
    """Hands lines to a thread that writes them, so that a pipe which nobody reads blocks that thread alone.

    Lines that don't fit in the queue are dropped. A line says how many, once the log is read again.
    """

    def __init__(self) -> None:
        super().__init__()
        self.on_drop: Callable[[], None] = lambda: None
        self._start_anew()
        os.register_at_fork(after_in_child=self._start_anew)

    def _start_anew(self) -> None:
        """Begin without lines and thread: a forked process has no threads, and copies of their held locks."""
        self._lines: Queue[bytes] = Queue(WAITING_LINES)
        self._thread: Thread | None = None
        self._counting = Lock()
        self._dropped = 0
        self._reported = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self._line(record)
            self._start_thread()
            self._lines.put_nowait(line)
        except (Full, RuntimeError):  # RuntimeError: no thread can be started
            self._drop()
        except Exception:  # the record is broken; the handlers of the standard library do the same
            self.handleError(record)

    def flush(self) -> None:
        """Wait until every line is written, for at most FLUSH_SECONDS. The interpreter does so at its end."""
        lines = self._lines
        with lines.all_tasks_done:
            lines.all_tasks_done.wait_for(lambda: not lines.unfinished_tasks, FLUSH_SECONDS)

    def _line(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode(errors="backslashreplace")

    def _start_thread(self) -> None:
        if self._thread is None:
            thread = Thread(target=self._write_lines, name="logs", daemon=True)
            thread.start()
            self._thread = thread

    def _drop(self) -> None:
        with self._counting:
            self._dropped += 1
            self.on_drop()

    def _write_lines(self) -> None:
        lines = self._lines
        while True:
            line = lines.get()
            try:
                write(line)
            except OSError:  # nobody can read it any more, or the disk is full
                self._drop()
            if lines.empty() and self._dropped > self._reported:
                self._report_dropped()
            lines.task_done()

    def _report_dropped(self) -> None:
        dropped = self._dropped
        message = f"{dropped - self._reported} log lines were dropped because nobody read the log"
        record = logging.LogRecord(__name__, logging.WARNING, __file__, 0, message, None, None)
        with suppress(OSError):
            write(self._line(record))
            self._reported = dropped


def write(line: bytes) -> None:
    """Write the whole line, however long it is, before another process of the service writes one."""
    with suppress(OSError):  # not every file can be locked
        fcntl.lockf(STANDARD_ERROR, fcntl.LOCK_EX)
    try:
        while line:
            try:
                line = line[os.write(STANDARD_ERROR, line) :]
            except BlockingIOError:  # another holder of the pipe has made it non-blocking
                select.select([], [STANDARD_ERROR], [])
    finally:
        with suppress(OSError):
            fcntl.lockf(STANDARD_ERROR, fcntl.LOCK_UN)


def configure(level: str) -> StderrHandler:
    """Send the logs of this process and of its children to standard error; return their handler."""
    formatter = JsonFormatter(
        ["levelname", "name", "message"],
        rename_fields={"levelname": "level", "name": "logger"},
        timestamp="time",
        reserved_attrs=[*RESERVED_ATTRS, "color_message"],
    )
    handler = StderrHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it logs a warning for every broken form
    return handler
