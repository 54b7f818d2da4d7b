import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
import uvicorn

from app.main import Service, create_app
from app.settings import Settings
from tests.support.keys import PAIRS


@contextmanager
def serve(app: Service) -> Iterator[str]:
    """Serve an application in a thread of this process; yield its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, ws="none", log_config=None))
    thread = Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the service did not start"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def address(census_model: Path) -> Iterator[str]:
    """Where the census model's service answers."""
    with serve(create_app(Settings(model_dir=census_model))) as address:
        yield address


@pytest.fixture(scope="module")
def protected_address(census_model: Path) -> Iterator[str]:
    """The same for a service with API keys."""
    with serve(create_app(Settings(model_dir=census_model, api_keys=PAIRS))) as address:
        yield address
