"""MLflow's server, stores that fail, and S3 by moto."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import boto3
import httpx
import mlflow
import pytest
from moto.server import ThreadedMotoServer

from model_build.errors import BuildError
from tests.integrations.conftest import Bakery, aliases, artifacts, contents, runs
from tests.support.ports import free_port


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def server(port: int, tmp_path: Path) -> Iterator[str]:
    """The URL of MLflow's own server."""
    url = f"http://127.0.0.1:{port}"
    # Without all of MLflow the server runs under gunicorn only, and has no jobs.
    options = {
        "--backend-store-uri": f"sqlite:///{tmp_path}/server.db",
        "--artifacts-destination": str(tmp_path),
        "--port": str(port),
        "--workers": "1",
        "--gunicorn-opts": "--timeout 60",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", *chain.from_iterable(options.items())],
        env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(f"{url}/health", process)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while True:
        assert process.poll() is None
        assert time.monotonic() < deadline
        try:
            httpx.get(url, trust_env=False).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return


def test_a_server_keeps_runs_and_models_like_the_local_store(
    bakery: Bakery, server: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    out = bakery.bake(bakery.job("served"))
    (run,) = runs("served")
    assert (run.info.status, aliases("served")) == ("FINISHED", {"candidate": 1, "champion": 1})
    assert "card.html" in artifacts(run)
    assert contents(bakery.restore(bakery.job("served"), "models:/served@champion")) == contents(out)
    assert capfd.readouterr() == ("", "")


def test_an_absent_server_is_one_sentence_before_anything_is_baked(
    bakery: Bakery, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@127.0.0.1:{port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(BuildError) as caught:
        bakery.bake(bakery.job("alone"))
    assert str(caught.value) == f"MLflow at {url} can't be reached (ConnectionError)."
    assert not bakery.job("alone").directory.exists()
    with pytest.raises(BuildError) as caught:
        bakery.restore(bakery.job("alone"), "models:/alone/1")
    assert str(caught.value) == f"models:/alone/1 of {url} can't be reached (ConnectionError)."


def test_a_store_that_is_not_a_database_is_one_sentence(
    bakery: Bakery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.txt").write_text("not a database, but as long as one" * 9)
    uri = f"sqlite:///{tmp_path}/notes.txt"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(BuildError) as caught:
        bakery.bake(bakery.job("stored"))
    assert str(caught.value) == f"MLflow at {uri}: (sqlite3.DatabaseError) file is not a database"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of an S3 with the bucket mlflow."""
    service = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    service.start()
    host, port = service.get_host_and_port()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", f"http://{host}:{port}")
    client = boto3.Session().client("s3", endpoint_url=f"http://{host}:{port}")
    client.create_bucket(Bucket="mlflow")
    yield client
    client.close()
    service.stop()


def test_s3_keeps_the_files_of_runs_and_models(bakery: Bakery, s3: Any) -> None:
    mlflow.create_experiment("in-s3", "s3://mlflow/census")
    out = bakery.bake(bakery.job("in-s3"))
    keys = {item["Key"].split("/")[-1] for item in s3.list_objects_v2(Bucket="mlflow")["Contents"]}
    assert {"card.html", "MLmodel", "contract.json"} <= keys
    assert contents(bakery.restore(bakery.job("in-s3"), "models:/in-s3/1")) == contents(out)


@pytest.mark.usefixtures("s3")
def test_an_absent_bucket_is_one_sentence(bakery: Bakery) -> None:
    mlflow.create_experiment("no-bucket", "s3://absent/census")
    with pytest.raises(BuildError) as caught:
        bakery.bake(bakery.job("no-bucket"))
    out, store = bakery.directory / "models/no-bucket", mlflow.get_tracking_uri()
    assert str(caught.value).startswith(f"{out}/ is baked, but MLflow at {store}: Failed to upload ")
    assert "NoSuchBucket" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert runs("no-bucket")[0].info.status == "FAILED"
