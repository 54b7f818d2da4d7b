"""gunicorn with uvicorn workers, set up from Settings. run.sh starts it."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from uvicorn_worker import UvicornWorker

from app import logs
from app.connections.acceptor import Acceptor
from app.connections.budget import Budget
from app.core.errors import StartupError
from app.listener import BACKLOG, listen
from app.main import Service, create_app
from app.settings import Settings

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - gunicorn removes its heartbeat files as soon as they are open

log = logging.getLogger("app.server")


class Worker(UvicornWorker):
    """An event loop on uvloop that parses HTTP with httptools."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.config.http = Acceptor(Budget(self.app.settings, self.app.service.metrics))

    def _install_sigquit_handler(self) -> None:
        """Stop at once on SIGQUIT, as the master expects; uvicorn does so on a second SIGINT."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGQUIT, _interrupt_twice)


def _interrupt_twice() -> None:
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)


class Master(Arbiter):
    """The master process, which drains after SIGTERM so that the load balancer can notice.

    While it drains, /ready and /health answer 503, and every other path answers as before. Then the workers
    stop accepting connections, finish the requests in flight and exit.
    """

    def handle_term(self) -> None:
        """Start to drain; stop if the drain has ended, or if this is a second SIGTERM."""
        readiness = self.app.service.readiness
        seconds = self.app.settings.drain_seconds
        if readiness.draining or not seconds:
            readiness.drain()
            signal.signal(signal.SIGTERM, self._stop_at_once)
            super().handle_term()  # raises an exception that ends the master's loop
        self.log.info("Draining for %s s", seconds)
        readiness.drain()
        signal.signal(signal.SIGALRM, self._end_drain)
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def spawn_worker(self) -> int:
        """Start a worker that counts its metrics in a slot that no living worker uses."""
        used_slots = {worker.slot for worker in self.WORKERS.values()}
        slot = next(slot for slot in count() if slot not in used_slots)
        self.app.service.metrics.use_slot(slot)
        pid: int = super().spawn_worker()
        self.WORKERS[pid].slot = slot
        return pid

    def _end_drain(self, *_: object) -> None:
        self.SIG_QUEUE.put_nowait(signal.SIGTERM)

    def _stop_at_once(self, *_: object) -> None:
        """Abandon the requests in flight: gunicorn does so on SIGINT while it stops."""
        self.SIG_QUEUE.put_nowait(signal.SIGINT)


class Server(BaseApplication):
    """The service as gunicorn runs it: loaded once, before the fork, so that the workers share its memory."""

    def __init__(self, settings: Settings, service: Service, listener: socket.socket) -> None:
        self.settings = settings
        self.service = service
        self._listener = listener
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": f"fd://{self._listener.detach()}",
            "backlog": BACKLOG,
            "workers": self.settings.web_concurrency,
            "worker_class": Worker,
            "worker_tmp_dir": str(SHARED_MEMORY) if os.access(SHARED_MEMORY, os.W_OK) else None,
            "preload_app": True,
            "graceful_timeout": self.settings.graceful_timeout,
            "control_socket_disable": True,
            "logconfig_dict": logs.config(self.settings.log_level),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Service:
        return self.service

    def run(self) -> None:
        Master(self).run()


def main() -> None:
    try:
        settings = Settings.read()
        logs.configure(settings.log_level)
        service = create_app(settings)
        listener = listen(settings.bind_address, settings.port)
    except StartupError as error:
        sys.exit(str(error))
    # The objects made so far live as long as the process. Frozen, they cost no garbage collection (50 ms amid
    # a large body), and the workers keep sharing their memory.
    gc.collect()
    gc.freeze()
    log.info("starting", extra={"settings": settings.model_dump(mode="json")})
    Server(settings, service, listener).run()


if __name__ == "__main__":
    main()
