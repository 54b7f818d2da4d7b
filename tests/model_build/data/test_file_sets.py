import subprocess
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from model_build.data import dataset
from model_build.data.file_sets import fetch_files
from model_build.errors import DataError, SourceError
from model_build.spec.source import Source
from tests.model_build.conftest import names_in
from tests.model_build.data.conftest import HEADER, PutObjects, changed_spec

PARTS = {
    "part-b.csv": HEADER + "2,3,B,false,yes\n",
    "part-a.csv": HEADER + "1,2.5,A,true,no\n\n",
    "part-c.csv": "paid,years,rate,grade,secured\nno,4,n/a,C,true\n",
}
YEARS = [1, 2, 4]
"""Of the rows in the order of the files' names."""


def write(directory: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def sha256sum(directory: Path, *names: str) -> str:
    """Return the checksum of several files as a person computes it in a shell."""
    command = f"sha256sum {' '.join(names)} | sha256sum"
    shell = subprocess.run(["sh", "-c", command], cwd=directory, capture_output=True, text=True, check=True)
    return shell.stdout.split()[0]


def fetch(directory: Path, source: str) -> pd.DataFrame:
    spec = changed_spec(directory, ("{uri: loans.csv}", source))
    raw, origin = dataset.fetch_rows(spec, "real", directory, pytest.fail)
    return dataset.clean(raw, spec, origin.uri)[0]


@pytest.mark.parametrize("uri", ["parts/part-*.csv", "parts/part-?.csv", "parts/", "parts/*"])
def test_files_are_read_in_the_order_of_their_names(tmp_path: Path, uri: str) -> None:
    write(tmp_path / "parts", PARTS | {"_SUCCESS": "", ".part-d.csv": "x", ".tmp/part-a.csv": "x"})
    frame = fetch(tmp_path, f"{{uri: '{uri}'}}")
    assert frame["years"].tolist() == YEARS
    assert frame["rate"].tolist() == [2.5, 3, None]
    assert frame.index.tolist() == [1, 2, 3]


def test_origin_has_the_rows_of_each_file(tmp_path: Path) -> None:
    write(tmp_path, PARTS)
    spec = changed_spec(tmp_path, ("loans.csv", "part-*.csv"))
    _, origin = dataset.fetch_rows(spec, "real", tmp_path, pytest.fail)
    assert [(file.name, file.rows, file.blank_rows) for file in origin.files] == [
        ("part-a.csv", 1, 1),
        ("part-b.csv", 1, 0),
        ("part-c.csv", 1, 0),
    ]
    assert (origin.uri, origin.sha256) == ("part-*.csv", sha256sum(tmp_path, "part-*.csv"))


def test_a_directory_may_be_deep_and_a_star_stays_in_its_directory(tmp_path: Path) -> None:
    write(tmp_path / "parts", {"2023/x.csv": PARTS["part-a.csv"], "2024/x.csv": PARTS["part-b.csv"]})
    assert fetch(tmp_path, "{uri: parts/}")["years"].tolist() == [1, 2]
    assert fetch(tmp_path, "{uri: 'parts/*/x.csv'}")["years"].tolist() == [1, 2]
    with pytest.raises(SourceError, match=r"parts/\*\.csv fits no file in "):
        fetch(tmp_path, "{uri: 'parts/*.csv'}")


def test_signs_of_other_patterns_and_an_existing_file_are_names(tmp_path: Path) -> None:
    write(tmp_path, {"a[1].csv": PARTS["part-a.csv"], "b*.csv": PARTS["part-b.csv"], "b1.csv": "x"})
    assert fetch(tmp_path, "{uri: 'a[1].csv'}")["years"].tolist() == [1]
    assert fetch(tmp_path, "{uri: 'a[1]*'}")["years"].tolist() == [1]
    assert fetch(tmp_path, "{uri: 'b*.csv'}")["years"].tolist() == [2]


def test_other_columns_are_an_error_that_names_the_file(tmp_path: Path) -> None:
    write(tmp_path, PARTS | {"part-b.csv": "years,rate,grade,amount,zip,paid\n1,2,A,3,4,no\n"})
    with pytest.raises(DataError) as caught:
        fetch(tmp_path, "{uri: 'part-*.csv'}")
    assert str(caught.value) == (
        "part-*.csv: part-b.csv has amount, zip and lacks secured, unlike part-a.csv; "
        "all files need the same columns"
    )


def test_an_error_in_a_file_names_it(tmp_path: Path) -> None:
    write(tmp_path, PARTS | {"part-b.csv": HEADER + "1,2\n"})
    with pytest.raises(DataError, match=rf"^{tmp_path}/part-b.csv is not a CSV file: At line 2: "):
        fetch(tmp_path, "{uri: 'part-*.csv'}")


def test_files_with_another_checksum_are_an_error(tmp_path: Path) -> None:
    write(tmp_path, PARTS)
    right = sha256sum(tmp_path, "part-*.csv")
    assert len(fetch(tmp_path, f"{{uri: 'part-*.csv', sha256: {right}}}")) == 3
    write(tmp_path, {"part-b.csv": HEADER + "9,3,B,false,yes\n"})
    with pytest.raises(DataError) as caught:
        fetch(tmp_path, f"{{uri: 'part-*.csv', sha256: {right}}}")
    assert str(caught.value) == (
        f"The 3 files of part-*.csv in {tmp_path} have the SHA-256 {sha256sum(tmp_path, 'part-*.csv')}, "
        f"but must have {right}; move other files away, or correct the checksum if the files are the right "
        "ones"
    )


# ---- S3


@pytest.fixture
def parts(put_objects: PutObjects, tmp_path: Path) -> Source:
    """Return the source of a prefix with objects."""
    write(tmp_path / "local", PARTS)
    objects = {f"2024/loans/{name}": text.encode() for name, text in PARTS.items()}
    uri = put_objects("parts", objects | {"2024/loans/_SUCCESS": b"", "2024/loans/": b"", "2024/x": b"x"})
    return Source(uri=f"{uri}/2024/loans/", sha256=sha256sum(tmp_path / "local", *sorted(PARTS)))


def test_objects_of_a_prefix_are_read_once(
    parts: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = fetch_files(parts, tmp_path / "data")
    assert files.names == sorted(PARTS)
    assert files.root == tmp_path / "data" / f"{str(parts.sha256)[:12]}-loans"
    assert names_in(tmp_path / "data") == [files.root.name]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert fetch_files(parts, tmp_path / "data") == files
    source = f"{{uri: '{parts.uri}', sha256: {parts.sha256}}}"
    assert fetch(tmp_path / "data", source)["years"].tolist() == YEARS


def test_a_pattern_of_objects_reads_those_that_fit(parts: Source, tmp_path: Path) -> None:
    sha256 = sha256sum(tmp_path / "local", "part-a.csv", "part-b.csv")
    some = Source(uri=f"{parts.uri}part-[a]*.csv", sha256=sha256)
    with pytest.raises(SourceError, match=r"part-\[a\]\*\.csv has no files with the SHA-256 e3b0c44298fc"):
        fetch_files(some, tmp_path / "data")
    write(tmp_path / "local", {"part-c.csv": "x"})
    some = Source(uri=f"{parts.uri}part-?.csv", sha256=sha256sum(tmp_path / "local", *sorted(PARTS)))
    with pytest.raises(SourceError, match=f"has 3 files with the SHA-256 {parts.sha256}, not {some.sha256}"):
        fetch_files(some, tmp_path / "data")
    assert names_in(tmp_path / "data") == []


def test_downloaded_files_that_were_changed_are_an_error(parts: Source, tmp_path: Path) -> None:
    files = fetch_files(parts, tmp_path / "data")
    (files.root / "part-a.csv").write_text("x")
    with pytest.raises(DataError, match="move the directory away, or correct the checksum"):
        fetch_files(parts, tmp_path / "data")


def test_a_key_that_leaves_the_directory_is_refused(put_objects: PutObjects, tmp_path: Path) -> None:
    uri = put_objects("escape", {"x//evil.csv": b"x"})
    with pytest.raises(SourceError, match="can't be the name of a file"):
        fetch_files(Source(uri=f"{uri}/x/", sha256="0" * 64), tmp_path / "data")
    assert names_in(tmp_path / "data") == []
    assert not Path("/evil.csv").exists()


def test_an_absent_bucket_is_a_source_error(put_objects: PutObjects, tmp_path: Path) -> None:
    put_objects("other", {})
    with pytest.raises(SourceError, match=r"^s3://absent/x/ could not be downloaded: NoSuchBucket: "):
        fetch_files(Source(uri="s3://absent/x/", sha256="0" * 64), tmp_path / "data")
    assert names_in(tmp_path / "data") == []
