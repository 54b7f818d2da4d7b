"""`init` reads tables of every format, several files, and downloads."""

import hashlib
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pandas as pd
import pytest

from model_build import __main__ as command_line
from model_build import commands
from model_build.console import Progress
from model_build.data.cell_text import texts_of
from model_build.drafting.table import Location, read_table
from model_build.errors import DataError, SourceError
from model_build.spec import model_spec, spec_files
from tests.support.bakes import bake
from tests.support.tiny import loans


def typed_loans(rows: int = 400) -> pd.DataFrame:
    """Return made-up loans with typed cells: numbers with gaps, booleans and dates."""
    header, *lines = [line.split(", ") for line in loans(rows).splitlines()]
    frame = pd.DataFrame(lines, columns=header)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(range(len(frame)), unit="D")
    return frame.assign(
        **{"duration-years": frame["duration-years"].astype(int)},
        rate=pd.to_numeric(frame["rate"], errors="coerce"),
        secured=frame["secured"] == "true",
        opened=days,
    )[["duration-years", "rate", "grade", "secured", "opened", "paid"]]


def run_init(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["model_build", "init", *arguments])
    return commands.run(command_line.parser().parse_args(["init", *arguments]))


def write(frame: pd.DataFrame, path: Path) -> None:
    match path.suffix:
        case ".csv":
            frame.to_csv(path, index=False)
        case ".parquet":
            frame.to_parquet(path)
        case ".feather":
            frame.to_feather(path)
        case ".jsonl":
            frame.to_json(path, orient="records", lines=True, date_format="iso")


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".feather", ".jsonl"])
def test_a_table_of_any_format_is_drafted_and_baked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiet: Progress, suffix: str
) -> None:
    write(typed_loans(), tmp_path / f"loans{suffix}")
    assert run_init(monkeypatch, str(tmp_path / f"loans{suffix}"), "--yes") == 0
    spec = model_spec.load(str(tmp_path / "loans.yaml"))
    assert {feature.name: feature.type for feature in spec.features} == {
        "duration-years": "integer",
        "rate": "number",
        "grade": "category",
        "secured": "boolean",
        "opened": "datetime",
    }
    contract = bake(spec, "real", tmp_path / "model", tmp_path, quiet, tmp_path / "build")
    assert contract.metrics["roc_auc"] > 0.7


def test_several_files_are_one_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = typed_loans()
    write(frame[:300], tmp_path / "part-1.csv")
    write(frame[300:], tmp_path / "part-2.parquet")
    assert run_init(monkeypatch, str(tmp_path / "part-*"), "--yes") == 0
    spec = model_spec.load(str(tmp_path / "part.yaml"))
    assert (spec.name, spec.data.sources[0].uri) == ("part", "part-*")
    table = read_table(Location.of(tmp_path / "part-*"))
    assert table.rows["duration_years"].tolist() == texts_of(frame["duration-years"].tolist())


def test_what_is_ignored_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = typed_loans()
    frame.assign(GRADE=frame["grade"], **{"": ""}).to_csv(tmp_path / "loans.csv", index=False)
    assert run_init(monkeypatch, str(tmp_path / "loans.csv"), "--target", "paid", "--yes") == 0
    printed = capsys.readouterr().out
    for column in ("GRADE (column 7)", "column 8"):
        assert f"loans.csv: {column} is empty or repeated, and ignored" in printed


def test_a_file_that_is_absent_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"absent\.csv is not a file in "):
        read_table(Location.of(tmp_path / "absent.csv"))
    with pytest.raises(SourceError, match=r"absent-\*\.csv fits no file in "):
        read_table(Location.of(tmp_path / "absent-*.csv"))
    (tmp_path / "empty.jsonl").write_text('{"a": null}\n')
    with pytest.raises(DataError, match="and no rows"):
        read_table(Location.of(tmp_path / "empty.jsonl"))


# ---- downloads


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Print nothing."""


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the URL of a server of made-up loans."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "remote").mkdir()
    write(typed_loans(), tmp_path / "remote/loans.parquet")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=tmp_path / "remote"))
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_download_lies_beside_the_spec_which_has_its_checksum(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATA_DIR", raising=False)
    assert run_init(monkeypatch, f"{url}/loans.parquet", "--yes") == 0
    content = (tmp_path / "remote/loans.parquet").read_bytes()
    sources = model_spec.load("loans.yaml").data.sources
    (source,) = sources
    assert (source.uri, source.sha256) == (f"{url}/loans.parquet", hashlib.sha256(content).hexdigest())
    assert (tmp_path / "loans.parquet").read_bytes() == content
    assert spec_files.find_data_directory("loans.yaml", sources) == Path()


def test_a_download_replaces_no_other_file(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loans.parquet").write_text("mine")
    assert run_init(monkeypatch, f"{url}/loans.parquet", "--yes") == 0
    (source,) = model_spec.load("loans.yaml").data.sources
    assert (tmp_path / "loans.parquet").read_text() == "mine"
    assert (tmp_path / source.file_names[1]).is_file()


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/absent.csv", "/absent.csv could not be downloaded: HTTP status 404"),
        ("/", "/ could not be read or saved: '"),
    ],
)
def test_a_download_that_fails_leaves_no_file(
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    path: str,
    sentence: str,
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert run_init(monkeypatch, url + path, "--yes", "--out", "x.yaml") == 1
    assert sentence in capsys.readouterr().out.replace("\n", "")
    assert list(Path().iterdir()) == []
