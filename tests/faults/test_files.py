"""Files that change, vanish or can't be written while the service runs."""

import os
import resource
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.service_process import ServiceProcess, Start, wait_for
from tests.support.tiny import HEADER

PATHS = ("/", "/health", "/ready", "/card", "/docs", "/openapi.json")
LARGE_FILE = f"{HEADER}\n".encode() + f"5,2.5{'0' * 300},B,true\n".encode() * 9_000
"""Of more than 1 MB, which many a library writes to /tmp."""


def delete(directory: Path) -> None:
    shutil.rmtree(directory)


def replace(directory: Path) -> None:
    """Put another card and a broken model there."""
    for path in directory.iterdir():
        path.write_bytes(b"other " + path.read_bytes())


@pytest.mark.parametrize("change", [delete, replace])
def test_a_service_goes_on_with_the_model_that_it_loaded(
    start: Start, tiny_model: Path, tmp_path: Path, body: bytes, change: Callable[[Path], None]
) -> None:
    directory = shutil.copytree(tiny_model, tmp_path / "model")
    service = start(MODEL_DIR=directory, WEB_CONCURRENCY="1")
    service.wait_until_ready()
    before = answers(service, body)
    assert {status for status, _ in before} == {200}
    change(directory)
    assert answers(service, body) == before

    (worker,) = service.workers
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: worker not in service.workers and len(service.workers) == 1, "another worker")
    assert answers(service, body) == before, "a new worker has the old model, too"


def answers(service: ServiceProcess, body: bytes) -> list[tuple[int, bytes]]:
    """Return the answers of every page, and the prediction without its time."""
    status, prediction = service.request("POST", "/predict", body)
    pages = [service.request("GET", path) for path in PATHS]
    return [*pages, (status, prediction.partition(b'"predictions"')[2])]


def test_a_service_writes_no_file(start: Start, tiny_model: Path, body: bytes) -> None:
    reader, writer = os.pipe()
    limits = {resource.RLIMIT_FSIZE: 0}  # every write to a file fails, as on a full or read-only disk
    service = start(log=writer, limits=limits, MODEL_DIR=tiny_model, WEB_CONCURRENCY="1")
    os.close(writer)
    service.wait_until_ready()
    assert {status for status, _ in answers(service, body)} == {200}
    form = b'--cut\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n%b\r\n--cut--\r\n'
    status, text = service.request(
        "POST", "/predict/file", form % LARGE_FILE, content_type="multipart/form-data; boundary=cut"
    )
    assert (status, text.count(b"\n")) == (200, 0), text[:300]
    service.send(signal.SIGTERM)
    assert service.wait() == 0
    os.close(reader)
