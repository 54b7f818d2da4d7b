import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
import uvicorn

from app.main import create_app
from app.settings import Settings


@pytest.fixture(scope="module")
def address(census_model: Path) -> Iterator[str]:
    """Where the census model's service answers, in a thread of this process."""
    app = create_app(Settings(model_dir=census_model))
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
