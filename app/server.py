"""gunicorn with uvicorn workers, set up from Settings: what run.sh starts."""

import asyncio
import gc
import logging
import os
import signal
import sys
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from uvicorn_worker import UvicornWorker

from app import logs
from app.core.errors import StartupError
from app.main import Service, create_app
from app.settings import Settings

KEEP_ALIVE_SECONDS = 75  # outlives the idle timeout of the load balancer (60 s), or it would answer 502
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - gunicorn removes its heartbeat files as soon as they are open

log = logging.getLogger("app.server")


class Worker(UvicornWorker):
    """An event loop on uvloop that parses HTTP with httptools."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "http": "httptools",
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
    }

    def _install_sigquit_handler(self) -> None:
        """Stop at once at SIGQUIT, as the master expects; uvicorn itself does so at a second SIGINT."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGQUIT, _interrupt_twice)


def _interrupt_twice() -> None:
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)


class Master(Arbiter):
    """The master process, which lingers after SIGTERM until the load balancer has noticed.

    While it lingers, /ready and /health answer 503, and all else is answered as ever. Then the workers
    stop accepting, finish what is in flight and exit.
    """

    def handle_term(self) -> None:
        """Start to linger, or stop if that is done, or if this is a second SIGTERM."""
        readiness = self.app.service.readiness
        seconds = self.app.settings.drain_seconds
        if readiness.draining or not seconds:
            readiness.drain()
            signal.signal(signal.SIGTERM, self._hurry)
            super().handle_term()  # which ends the master's loop by an exception
        self.log.info("Draining for %s s", seconds)
        readiness.drain()
        signal.signal(signal.SIGALRM, self._linger_ended)
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def spawn_worker(self) -> int:
        """Start a worker that counts its metrics in a row that no living one uses."""
        taken = {worker.slot for worker in self.WORKERS.values()}
        slot = next(slot for slot in count() if slot not in taken)
        self.app.service.metrics.use_slot(slot)
        pid: int = super().spawn_worker()
        self.WORKERS[pid].slot = slot
        return pid

    def _linger_ended(self, *_: object) -> None:
        self.SIG_QUEUE.put_nowait(signal.SIGTERM)

    def _hurry(self, *_: object) -> None:
        """Do not wait for what is in flight: what gunicorn does when SIGINT finds it stopping."""
        self.SIG_QUEUE.put_nowait(signal.SIGINT)


class Server(BaseApplication):
    """The service as gunicorn runs it: loaded once, before the workers are forked, so that they share it."""

    def __init__(self, settings: Settings, service: Service) -> None:
        self.settings = settings
        self.service = service
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": f"{self.settings.bind_address}:{self.settings.port}",
            "workers": self.settings.web_concurrency,
            "worker_class": Worker,
            "worker_tmp_dir": str(SHARED_MEMORY) if os.access(SHARED_MEMORY, os.W_OK) else None,
            "preload_app": True,
            "keepalive": KEEP_ALIVE_SECONDS,
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
    except StartupError as error:
        sys.exit(str(error))
    # What start-up made is there to stay: no garbage collection walks over it again, for 50 ms amid a large
    # body, and the workers go on sharing its memory.
    gc.collect()
    gc.freeze()
    log.info("starting", extra={"settings": settings.model_dump(mode="json")})
    Server(settings, service).run()


if __name__ == "__main__":
    main()
