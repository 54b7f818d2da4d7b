"""A worker process: one event loop that answers requests until the master or its own end stops it."""

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from gunicorn.arbiter import Arbiter
from uvicorn import Server
from uvicorn_worker import UvicornWorker

from app.connections.acceptor import Acceptor, limit_unsent
from app.connections.budget import Budget

LAST_REQUESTS_SECONDS = 1.0
"""How long a worker that stops goes on answering the connections that it has."""
CLOSE = (b"connection", b"close")


class Worker(UvicornWorker):
    """An event loop on uvloop that parses HTTP with httptools."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
        "timeout_notify": 0,  # so that callback_notify is called once a second
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.config.http = Acceptor(Budget(self.app.settings, self.app.service.metrics))
        self.config.timeout_graceful_shutdown = self.cfg.graceful_timeout

    def init_signals(self) -> None:
        """Ignore what would end or stop a worker when it is sent to the whole process group."""
        super().init_signals()
        for number in (signal.SIGHUP, signal.SIGUSR2, signal.SIGTTIN, signal.SIGTTOU):
            signal.signal(number, signal.SIG_IGN)

    async def callback_notify(self) -> None:
        """Tell the master that the loop runs; stop when there is no master, or the port would stay taken."""
        await super().callback_notify()
        if os.getppid() != self.ppid:
            self.log.error("The master is gone; its worker stops (pid: %s)", self.pid)
            signal.raise_signal(signal.SIGTERM)

    async def _serve(self) -> None:
        self.config.app = self.wsgi
        server = GracefulServer(config=self.config)
        self._install_sigquit_handler()
        for listener in self.sockets:
            limit_unsent(listener)
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)

    def _install_sigquit_handler(self) -> None:
        """Stop at once on SIGQUIT, as the master expects; uvicorn does so on a second SIGINT."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGQUIT, _interrupt_twice)


def _interrupt_twice() -> None:
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)


class GracefulServer(Server):
    """uvicorn's server, which loses no request that is on its way when it stops.

    uvicorn closes every connection that is idle at that moment, even one that was just accepted and whose
    request is about to arrive. This server accepts no more, answers with `Connection: close`, and closes what
    is idle a moment later.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Write the last lines of the log before uvicorn lets the signal that it caught end the process."""
        with super().capture_signals():
            yield
            logging.shutdown()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - closed here
        for server in self.servers:
            server.close()
        self.server_state.default_headers.append(CLOSE)
        end = time.monotonic() + LAST_REQUESTS_SECONDS
        while self.server_state.connections and not self.force_exit and time.monotonic() < end:
            await asyncio.sleep(0.05)
        await super().shutdown()
