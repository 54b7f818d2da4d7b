import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import boto3
import pytest

from model_build.artifacts import Cleaning
from model_build.data import dataset
from model_build.data.packed_rows import PackedRows
from model_build.origin import Origin
from model_build.spec import model_spec
from model_build.spec.model_spec import ModelSpec
from tests.support.tiny import TINY

HEADER = "years,rate,grade,secured,paid\n"
GOOD = "1,2.5,A,true,no\n2,3,B,false,yes\n"


class LoadedFile(NamedTuple):
    origin: Origin
    cleaning: Cleaning
    rows: PackedRows
    labels: Sequence[int]


Load = Callable[..., LoadedFile]
PutObjects = Callable[[str, Mapping[str, bytes]], str]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Return a function that loads the rows of a file under the tiny spec, changed."""

    def load(text: str, *changes: tuple[str, str]) -> LoadedFile:
        (tmp_path / "loans.csv").write_text(text)
        changed = changed_spec(tmp_path, *changes)
        raw, origin = dataset.fetch_rows(changed, "real", tmp_path, pytest.fail)
        frame, cleaning = dataset.clean(raw, changed, origin.uri)
        built = dataset.build_dataset(frame, changed)
        return LoadedFile(origin, cleaning, built.rows, built.labels.tolist())

    return load


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, s3_url: str) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_url)


@pytest.fixture
def put_objects(monkeypatch: pytest.MonkeyPatch, no_credentials: None) -> PutObjects:  # noqa: ARG001 - builds on it
    """Return a function that puts objects into a new bucket, and returns its URI."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")

    def put(name: str, objects: Mapping[str, bytes]) -> str:
        client = boto3.Session().client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=name)
        for key, content in objects.items():
            client.put_object(Bucket=name, Key=key, Body=content)
        client.close()
        return f"s3://{name}"

    return put


def changed_spec(tmp_path: Path, *changes: tuple[str, str]) -> ModelSpec:
    text = TINY
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    path = tmp_path / "tiny.yaml"
    path.write_text(text)
    return model_spec.load(str(path))


def cleaning(rows_read: int, *duplicates: int, rows: int | None = None, **missing: int) -> Cleaning:
    """Return the record of a file in which the rows with these numbers are duplicates."""
    return Cleaning(
        rows_read=rows_read,
        rows=rows_read - len(duplicates) if rows is None else rows,
        duplicates=len(duplicates),
        duplicate_rows=duplicates[:5],
        unknown_columns=(),
        missing={"years": 0, "rate": 0, "grade": 0, "secured": 0} | missing,
    )
