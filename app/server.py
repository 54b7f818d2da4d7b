"""gunicorn with uvicorn workers, set up from Settings: what run.sh starts."""

import logging
import sys
from typing import Any, ClassVar

from gunicorn.app.base import BaseApplication
from starlette.types import ASGIApp
from uvicorn_worker import UvicornWorker

from app import logs
from app.errors import StartupError
from app.main import create_app
from app.settings import Settings

KEEP_ALIVE_SECONDS = 75  # outlives the idle timeout of the load balancer (60 s), or it would answer 502

log = logging.getLogger("app.server")


class Worker(UvicornWorker):
    """An event loop on uvloop that parses HTTP with httptools."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {"loop": "uvloop", "http": "httptools", "server_header": False}


class Server(BaseApplication):
    """The master process. It loads the model once, before the workers are forked, so that they share it."""

    def __init__(self, settings: Settings, app: ASGIApp) -> None:
        self._settings = settings
        self._app = app
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": f"{self._settings.bind_address}:{self._settings.port}",
            "workers": self._settings.web_concurrency,
            "worker_class": Worker,
            "preload_app": True,
            "keepalive": KEEP_ALIVE_SECONDS,
            "control_socket_disable": True,
            "logconfig_dict": logs.config(self._settings.log_level),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> ASGIApp:
        return self._app


def main() -> None:
    try:
        settings = Settings.read()
        logs.configure(settings.log_level)
        app = create_app(settings)
    except StartupError as error:
        sys.exit(str(error))
    log.info("starting", extra={"settings": settings.model_dump(mode="json")})
    Server(settings, app).run()


if __name__ == "__main__":
    main()
