"""gunicorn with uvicorn workers, set up from Settings. run.sh starts it."""

import gc
import logging
import os
import signal
import socket
import sys
from itertools import count
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger

from app import logs
from app.core.errors import StartupError
from app.listener import BACKLOG, listen
from app.main import Service, create_app
from app.settings import MOST_WORKERS, Settings
from app.worker import Worker

WORKER_TIMEOUT = 10
"""Seconds after which a worker whose loop does not run is killed and replaced.

No request blocks the loop for a second. A load balancer and ECS need 30 s to give the whole replica up.
"""
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - gunicorn removes its heartbeat files as soon as they are open

log = logging.getLogger("app.server")


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

    def handle_hup(self) -> None:
        """Ignore SIGHUP: settings and model are read once, so that new workers would be like the old ones."""
        self._ignore("SIGHUP")

    def handle_usr2(self) -> None:
        """Ignore SIGUSR2: gunicorn would start a second master on the same socket."""
        self._ignore("SIGUSR2")

    def handle_ttin(self) -> None:
        """Start one more worker, up to as many as WEB_CONCURRENCY allows."""
        if self.num_workers < MOST_WORKERS:
            super().handle_ttin()

    def spawn_worker(self) -> int:
        """Start a worker that counts its metrics in a slot of its own; the master has slot 0."""
        used_slots = {worker.slot for worker in self.WORKERS.values()}
        slot = next(slot for slot in count(1) if slot not in used_slots)
        metrics = self.app.service.metrics
        metrics.use_slot(slot)
        pid = 0
        try:
            pid = super().spawn_worker()
            self.WORKERS[pid].slot = slot
        except OSError as error:  # gunicorn would stop the workers that there are
            self.log.error("No worker could be started: %s. Trying again in a second.", error.strerror)  # noqa: TRY400 - the reason is whole
        metrics.use_slot(0)
        return pid

    def _ignore(self, name: str) -> None:
        self.log.warning("%s is ignored. To change settings or model, start another replica.", name)

    def _end_drain(self, *_: object) -> None:
        self.SIG_QUEUE.put_nowait(signal.SIGTERM)

    def _stop_at_once(self, *_: object) -> None:
        """Abandon the requests in flight: gunicorn does so on SIGINT while it stops."""
        self.SIG_QUEUE.put_nowait(signal.SIGINT)


class Log(Logger):
    """gunicorn's log, which goes where app.logs sends the others."""

    def setup(self, cfg: Config) -> None:
        self.cfg = cfg
        self.error_log.handlers = logging.getLogger().handlers


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
            "timeout": WORKER_TIMEOUT,
            "graceful_timeout": self.settings.graceful_timeout,
            "control_socket_disable": True,
            "logger_class": Log,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Service:
        return self.service

    def run(self) -> None:
        Master(self).run()


def warn_if_open(settings: Settings, service: Service) -> None:
    if not service.needs_key and not settings.bind_address.is_loopback:
        log.warning("without API_KEYS, everybody who reaches %s may use the service", settings.bind_address)


def main() -> None:
    try:
        settings = Settings.read()
        log_handler = logs.configure(settings.log_level)
        service = create_app(settings)
        listener = listen(settings.bind_address, settings.port)
    except StartupError as error:
        sys.exit(str(error))
    log_handler.on_drop = service.metrics.count_dropped_log_line
    # The objects made so far live as long as the process. Frozen, they cost no garbage collection (50 ms amid
    # a large body), and the workers keep sharing their memory.
    gc.collect()
    gc.freeze()
    log.info("starting", extra={"settings": settings.model_dump(mode="json")})
    warn_if_open(settings, service)
    Server(settings, service, listener).run()


if __name__ == "__main__":
    main()
