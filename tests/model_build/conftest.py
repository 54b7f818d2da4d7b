"""One thread, and what the tests of whole bakes share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

from model_build.spec import model_spec
from model_build.spec.model_spec import ModelSpec

BAKED_FILES = [
    "card.html",
    "card.md",
    "contract.json",
    "metrics.json",
    "model.onnx",
    "reference.json",
    "slices.json",
]


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """The threads of a boosting wait for each other longer than they work when the cores are busy."""
    with threadpool_limits(1):
        yield


def load_spec(directory: Path, text: str) -> ModelSpec:
    path = directory / "spec.yaml"
    path.write_text(text)
    return model_spec.load(str(path))


def directory_contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    """The URL of a server that does what S3 does."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - slow to import

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
