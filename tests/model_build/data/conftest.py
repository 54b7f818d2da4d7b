from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from app.core.features import Row
from model_build.artifacts import Cleaning, Origin
from model_build.data import dataset
from model_build.spec import model_spec
from model_build.spec.model_spec import ModelSpec
from tests.support.tiny import TINY

HEADER = "years,rate,grade,secured,paid\n"
GOOD = "1,2.5,A,true,no\n2,3,B,false,yes\n"


class LoadedFile(NamedTuple):
    origin: Origin
    cleaning: Cleaning
    rows: Sequence[Row]
    labels: Sequence[int]


Load = Callable[..., LoadedFile]


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
