import errno
import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from model_build.artifacts import file_sha256
from model_build.data import s3, sources
from model_build.data.sources import fetch_source
from model_build.errors import DataError, SourceError
from model_build.spec.source import Source
from tests.model_build.data.conftest import PutObjects

ROWS = b"39, State-gov, 77516, Bachelors, 13\n" * 5000
SHA256 = hashlib.sha256(ROWS).hexdigest()
OTHER_SHA256 = hashlib.sha256(b"other rows").hexdigest()
REPOSITORY = Path(__file__).parents[3]


class Handler(BaseHTTPRequestHandler):
    server: "DataServer"

    def do_GET(self) -> None:
        folder = self.path.split("/")[1]
        if folder == "moved":
            self._start(302, 0, location="/good/adult.data")
        elif folder == "missing":
            self._start(404, len(ROWS))
            self.wfile.write(ROWS)
        else:
            self._start(200, len(ROWS))
            self._send_rows(folder)

    def _send_rows(self, folder: str) -> None:
        half = len(ROWS) // 2
        self.wfile.write(ROWS[:half])
        if folder == "cut":
            return
        if folder == "slow":
            self.server.resume.wait()
        self.wfile.write(ROWS[half:])

    def _start(self, status: int, length: int, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        pass


class DataServer(ThreadingHTTPServer):
    """Serves ROWS as any file; the folder decides: good, cut, slow (until `resume`), missing or moved."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.resume = Event()
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def handle_error(self, *_: object) -> None:
        """Keep quiet about clients that hang up, which these tests provoke."""

    def stop(self) -> None:
        self.resume.set()
        self.shutdown()
        self.server_close()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[DataServer]:
    server = DataServer()
    yield server
    server.stop()


@pytest.fixture
def bucket(put_objects: PutObjects) -> str:
    return put_objects("census", {"raw/adult.data": ROWS})


def source(uri: str, sha256: str | None = SHA256) -> Source:
    return Source(uri=uri, sha256=sha256)


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def assert_only_the_rows_are_in(directory: Path, path: Path) -> None:
    assert path.read_bytes() == ROWS
    assert [path] == list(directory.iterdir())


def assert_fails(uri: str, directory: Path, sentence: str, sha256: str = SHA256) -> None:
    with pytest.raises(SourceError) as caught:
        fetch_source(source(uri, sha256), directory)
    assert str(caught.value) == f"{uri} {sentence}"
    assert names_in(directory) == []


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# ---- a file in the data directory


@pytest.mark.parametrize("sha256", [SHA256, None])
def test_local_file_is_returned(tmp_path: Path, sha256: str | None) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/adult.data").write_bytes(ROWS)
    assert fetch_source(source("raw/adult.data", sha256), tmp_path) == tmp_path / "raw/adult.data"


@pytest.mark.parametrize("sha256", [SHA256, None])
def test_absent_local_file_is_a_source_error(tmp_path: Path, sha256: str | None) -> None:
    with pytest.raises(SourceError) as caught:
        fetch_source(source("adult.data", sha256), tmp_path)
    assert str(caught.value) == f"adult.data is not a file in {tmp_path}"


def test_file_with_another_checksum_is_a_data_error_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "adult.data"
    path.write_bytes(b"other rows")
    with pytest.raises(DataError) as caught:
        fetch_source(source("adult.data"), tmp_path)
    assert str(caught.value) == (
        f"{path} has the SHA-256 {OTHER_SHA256}, but adult.data must have {SHA256}; "
        "move the file away, or correct the checksum if the file is the right one"
    )
    assert path.read_bytes() == b"other rows"
    assert names_in(tmp_path) == ["adult.data"]


def test_checksum_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "adult.data").write_bytes(ROWS)
    assert file_sha256(tmp_path / "adult.data") == SHA256


# ---- HTTP


def test_download_creates_the_directory_and_only_the_file(tmp_path: Path, server: DataServer) -> None:
    path = fetch_source(source(f"{server.url}/good/adult.data"), tmp_path / "data/raw")
    assert path == tmp_path / "data/raw/adult.data"
    assert_only_the_rows_are_in(tmp_path / "data/raw", path)


def test_second_fetch_uses_no_network(tmp_path: Path, server: DataServer) -> None:
    adult = source(f"{server.url}/good/adult.data")
    fetch_source(adult, tmp_path)
    server.stop()
    assert_only_the_rows_are_in(tmp_path, fetch_source(adult, tmp_path))


def test_download_gets_a_second_name_beside_another_file(tmp_path: Path, server: DataServer) -> None:
    (tmp_path / "adult.data").write_bytes(b"other rows")
    adult = source(f"{server.url}/good/adult.data")
    second_name = tmp_path / f"{SHA256[:12]}-adult.data"
    assert fetch_source(adult, tmp_path) == second_name
    server.stop()
    assert fetch_source(adult, tmp_path) == second_name
    assert second_name.read_bytes() == ROWS
    assert (tmp_path / "adult.data").read_bytes() == b"other rows"
    assert names_in(tmp_path) == [second_name.name, "adult.data"]


def test_download_under_its_second_name_is_used_when_the_other_file_is_gone(tmp_path: Path) -> None:
    second_name = tmp_path / f"{SHA256[:12]}-adult.data"
    second_name.write_bytes(ROWS)
    assert fetch_source(source("https://example.invalid/adult.data"), tmp_path) == second_name


def test_other_files_under_both_names_are_a_data_error(tmp_path: Path) -> None:
    second_name = tmp_path / f"{SHA256[:12]}-adult.data"
    for path in (tmp_path / "adult.data", second_name):
        path.write_bytes(b"other rows")
    uri = "https://example.invalid/adult.data"
    with pytest.raises(DataError) as caught:
        fetch_source(source(uri), tmp_path)
    assert str(caught.value) == (
        f"{second_name} has the SHA-256 {OTHER_SHA256}, but {uri} must have {SHA256}; "
        "move the file away, or correct the checksum if the file is the right one"
    )
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"other rows"] * 2


def test_redirect_is_followed_and_the_file_keeps_the_first_name(tmp_path: Path, server: DataServer) -> None:
    path = fetch_source(source(f"{server.url}/moved/census.csv"), tmp_path)
    assert path == tmp_path / "census.csv"
    assert_only_the_rows_are_in(tmp_path, path)


def test_download_with_another_checksum_is_deleted(tmp_path: Path, server: DataServer) -> None:
    sentence = f"sent a file with the SHA-256 {SHA256}, not {OTHER_SHA256}"
    assert_fails(f"{server.url}/good/adult.data", tmp_path, sentence, OTHER_SHA256)


def test_http_status_other_than_200_is_a_source_error(tmp_path: Path, server: DataServer) -> None:
    assert_fails(f"{server.url}/missing/adult.data", tmp_path, "could not be downloaded: HTTP status 404")


def test_cut_connection_leaves_no_file(tmp_path: Path, server: DataServer) -> None:
    sentence = (
        "could not be downloaded: RemoteProtocolError: peer closed connection without sending "
        f"complete message body (received {len(ROWS) // 2} bytes, expected {len(ROWS)})"
    )
    assert_fails(f"{server.url}/cut/adult.data", tmp_path, sentence)


def test_stalled_server_is_a_source_error(
    tmp_path: Path, server: DataServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "READ_TIMEOUT", 0.1)
    sentence = "could not be downloaded: ReadTimeout: timed out"
    assert_fails(f"{server.url}/slow/adult.data", tmp_path, sentence)


def test_refused_connection_is_a_source_error(tmp_path: Path, server: DataServer) -> None:
    server.stop()
    sentence = f"could not be downloaded: ConnectError: [Errno {errno.ECONNREFUSED}] Connection refused"
    assert_fails(f"{server.url}/good/adult.data", tmp_path, sentence)


def test_unknown_host_is_a_source_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    sentence = f"could not be downloaded: ConnectError: [Errno {socket.EAI_NONAME}] Name or service not known"
    assert_fails("https://example.invalid/adult.data", tmp_path, sentence)


# ---- runs that end early


def test_interrupted_download_leaves_no_file(
    tmp_path: Path, server: DataServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch_source(source(f"{server.url}/good/adult.data"), tmp_path)
    assert names_in(tmp_path) == []


def test_full_disk_is_a_source_error_and_leaves_no_file(
    tmp_path: Path, server: DataServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    sentence = f"could not be read or saved: [Errno {errno.ENOSPC}] No space left on device"
    assert_fails(f"{server.url}/good/adult.data", tmp_path, sentence)


def test_next_run_succeeds_after_a_killed_one(tmp_path: Path, server: DataServer) -> None:
    adult = source(f"{server.url}/slow/adult.data")
    code = (
        "import pathlib, sys; from model_build.data.sources import fetch_source; "
        "from model_build.spec.source import Source; "
        "fetch_source(Source.model_validate_json(sys.argv[1]), pathlib.Path(sys.argv[2]))"
    )
    command = [sys.executable, "-c", code, adult.model_dump_json(), str(tmp_path)]
    with subprocess.Popen(command, cwd=REPOSITORY) as run:
        wait_until(lambda: any(path.stat().st_size > 0 for path in tmp_path.iterdir()))
        run.send_signal(signal.SIGKILL)
    (leftover,) = names_in(tmp_path)
    assert leftover.startswith(".adult.data.")
    assert leftover.endswith(".part")

    server.resume.set()
    assert fetch_source(adult, tmp_path).read_bytes() == ROWS
    assert names_in(tmp_path) == [leftover, "adult.data"]


# ---- S3


def test_s3_object_is_downloaded(tmp_path: Path, bucket: str) -> None:
    path = fetch_source(source(f"{bucket}/raw/adult.data"), tmp_path)
    assert path == tmp_path / "adult.data"
    assert_only_the_rows_are_in(tmp_path, path)


def test_s3_object_with_another_checksum_is_deleted(tmp_path: Path, bucket: str) -> None:
    sentence = f"sent a file with the SHA-256 {SHA256}, not {OTHER_SHA256}"
    assert_fails(f"{bucket}/raw/adult.data", tmp_path, sentence, OTHER_SHA256)


def test_unknown_s3_key_is_a_source_error(tmp_path: Path, bucket: str) -> None:
    sentence = (
        "could not be downloaded: NoSuchKey: An error occurred (NoSuchKey) when calling "
        "the GetObject operation: The specified key does not exist."
    )
    assert_fails(f"{bucket}/raw/absent.data", tmp_path, sentence)


@pytest.mark.usefixtures("bucket")
def test_unknown_s3_bucket_is_a_source_error(tmp_path: Path) -> None:
    sentence = (
        "could not be downloaded: NoSuchBucket: An error occurred (NoSuchBucket) when calling "
        "the GetObject operation: The specified bucket does not exist"
    )
    assert_fails("s3://absent/raw/adult.data", tmp_path, sentence)


@pytest.mark.usefixtures("bucket")
def test_unreachable_s3_endpoint_is_a_source_error(
    tmp_path: Path, server: DataServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.stop()
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    sentence = (
        "could not be downloaded: EndpointConnectionError: Could not connect to the endpoint URL: "
        f'"{server.url}/census/adult.data"'
    )
    assert_fails("s3://census/adult.data", tmp_path, sentence)


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("folder", ["cut", "slow"])
def test_cut_or_stalled_s3_object_leaves_no_file(
    tmp_path: Path, server: DataServer, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setattr(s3, "READ_TIMEOUT", 0.1)
    with pytest.raises(SourceError, match=rf"^s3://{folder}/adult\.data could not be downloaded: "):
        fetch_source(source(f"s3://{folder}/adult.data"), tmp_path)
    assert names_in(tmp_path) == []


@pytest.mark.usefixtures("no_credentials")
def test_s3_without_credentials_is_a_source_error(tmp_path: Path) -> None:
    sentence = "could not be downloaded: NoCredentialsError: Unable to locate credentials"
    assert_fails("s3://census/raw/adult.data", tmp_path, sentence)
