"""Files of every format have the rows that the same table has as CSV."""

import gzip
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather, ipc, parquet

from app.core.values import Row
from model_build.data import dataset
from model_build.errors import DataError
from model_build.origin import Origin
from model_build.spec.model_spec import ModelSpec
from tests.model_build.data.conftest import changed_spec

TABLE: dict[str, list[Any]] = {
    "Duration years": [1, None, 3],
    "rate": [2.5, float("nan"), 20.0],
    "grade": ["A", "?", None],
    "secured": [True, False, True],
    "paid": ["no", "yes", "no"],
}
ROWS = [
    {"years": 1, "rate": 2.5, "grade": "A", "secured": True},
    {"years": None, "rate": None, "grade": None, "secured": False},
    {"years": 3, "rate": 20, "grade": None, "secured": True},
]
YEARS_MAY_BE_MISSING = ("title: Years, example: 5}", "title: Years, example: 5, missing: {}}")

Write = Callable[[Path, dict[str, list[Any]]], object]


def fetch(tmp_path: Path, *changes: tuple[str, str]) -> tuple[list[Row], list[int], Origin]:
    spec = changed_spec(tmp_path, ("loans.csv", "loans"), *changes)
    raw, origin = dataset.fetch_rows(spec, "real", tmp_path, pytest.fail)
    frame, _ = dataset.clean(raw, spec, origin.uri)
    rows = dataset.build_dataset(frame, spec)
    return list(rows.rows), rows.labels.tolist(), origin


def to_lines(table: dict[str, list[Any]]) -> str:
    rows = [dict(zip(table, cells, strict=True)) for cells in zip(*table.values(), strict=True)]
    return "\n".join(json.dumps(row) for row in rows) + "\n"


def write_stream(path: Path, table: dict[str, list[Any]]) -> None:
    columns = pa.table(table)
    with ipc.new_file(str(path), columns.schema) as file:
        file.write_table(columns)


WRITERS: dict[str, Write] = {
    "parquet": lambda path, table: parquet.write_table(pa.table(table), path),
    "parquet of pandas": lambda path, table: pd.DataFrame(table).to_parquet(path),
    "feather": lambda path, table: feather.write_feather(pa.table(table), str(path)),
    "arrow": write_stream,
    "JSON lines": lambda path, table: path.write_text(to_lines(table)),
    "JSON lines, gzip": lambda path, table: path.write_bytes(gzip.compress(to_lines(table).encode())),
    "JSON lines with a mark": lambda path, table: path.write_text("\ufeff" + to_lines(table)),
    "JSON list": lambda path, table: path.write_text(" [" + ",\n".join(to_lines(table).splitlines()) + "]\n"),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=list(WRITERS))
def test_a_file_of_any_format_has_the_rows_of_the_csv_file(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "loans", TABLE)
    rows, labels, origin = fetch(tmp_path, YEARS_MAY_BE_MISSING)
    assert (rows, labels) == (ROWS, [0, 1, 0])
    assert [(file.name, file.rows, file.blank_rows) for file in origin.files] == [("loans", 3, 0)]


@pytest.mark.parametrize("write", WRITERS.values(), ids=list(WRITERS))
def test_empty_rows_and_repeated_columns_do_not_count(tmp_path: Path, write: Write) -> None:
    table: dict[str, list[Any]] = {
        "years": [1, None, 3, None],
        "YEARS": [1, None, 3, None],
        "rate": [2, None, 5.5, None],
        "grade": ["A", None, "B", " "],
        "secured": [1, None, 0, None],
        "paid": ["no", "", "yes", None],
        "": [None] * 4,
    }
    write(tmp_path / "loans", table)
    rows, _, origin = fetch(tmp_path)
    assert rows == [
        {"years": 1, "rate": 2, "grade": "A", "secured": True},
        {"years": 3, "rate": 5.5, "grade": "B", "secured": False},
    ]
    (file,) = origin.files
    assert (file.rows, file.blank_rows, file.ignored_columns) == (2, 2, ("YEARS (column 2)", "column 7"))


def test_blank_lines_of_a_csv_file_are_counted(tmp_path: Path) -> None:
    text = "\nyears,rate,grade,secured,paid,\n\n1,2,A,true,no,\n,,,,,\n2,3,B,false,yes,\n  \n"
    (tmp_path / "loans").write_text(text)
    (file,) = fetch(tmp_path)[2].files
    assert (file.rows, file.blank_rows, file.ignored_columns) == (2, 3, ("column 6",))


@pytest.mark.parametrize("write", WRITERS.values(), ids=list(WRITERS))
def test_a_value_that_is_none_of_its_feature_is_an_error(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "loans", TABLE)
    with pytest.raises(DataError, match="Row 2: years is missing; it must be a whole number from 1 to 30"):
        fetch(tmp_path)


def test_a_nested_value_is_no_value(tmp_path: Path) -> None:
    (tmp_path / "loans").write_text(to_lines(TABLE | {"Duration years": [1, {"a": 2}, 3]}))
    with pytest.raises(DataError, match=r"""Row 2: years is '{"a": 2}'; it must be a whole number"""):
        fetch(tmp_path)


def test_dates_are_read_in_the_declared_format(tmp_path: Path) -> None:
    days = pd.to_datetime(["2024-05-06", None, "2024-12-31"])
    table = pd.DataFrame(TABLE).assign(opened=days)
    table.to_parquet(tmp_path / "loans")
    feature = """
  - {name: opened, type: datetime, format: "%d.%m.%Y", parts: [month], title: Opened, example: 06.05.2024,
     missing: {}}
target:"""
    rows, _, _ = fetch(tmp_path, YEARS_MAY_BE_MISSING, ("\ntarget:", feature))
    assert [row["opened"] for row in rows] == ["06.05.2024", None, "31.12.2024"]


def test_a_column_that_is_absent_is_an_error(tmp_path: Path) -> None:
    pd.DataFrame(TABLE).drop(columns="grade").to_parquet(tmp_path / "loans")
    with pytest.raises(DataError) as caught:
        fetch(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'loans'} has no column grade; it has duration_years, rate, secured, paid"
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"years": 1}\n[1]\n', 'Line 2 is not an object such as {"years": 5}'),
        ('{"years": 1}\n\n{"years": }\n', "Line 3 is not JSON: Expecting value: line 1 column 11 (char 10)"),
        ('{"years": 1, "years": 2}\n', "Line 1 is not JSON: the key 'years' is there twice"),
        ('[{"years": 1}, 2]', 'Row 2 is not an object such as {"years": 5}'),
        ('[{"years": 1}', "The list is not JSON: Expecting ',' delimiter: line 1 column 14 (char 13)"),
        (
            "{" * 5,
            "Line 1 is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
    ],
)
def test_what_is_no_json_is_an_error_with_its_line(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "loans").write_text(text)
    with pytest.raises(DataError) as caught:
        fetch(tmp_path)
    assert str(caught.value) == f"{tmp_path / 'loans'}: {sentence}"


@pytest.mark.parametrize("start", [b"PAR1", b"ARROW1\0\0", b"FEA1", b'{"a": 1}\n\xff'])
def test_a_broken_file_is_an_error(tmp_path: Path, start: bytes) -> None:
    (tmp_path / "loans").write_bytes(start + b"rest of the file")
    with pytest.raises(DataError, match=f"^{tmp_path / 'loans'} can't be read: "):
        fetch(tmp_path)


def test_a_workbook_without_its_library_names_the_command(
    tiny_spec: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    (tmp_path / "loans.csv").write_bytes(b"PK\x03\x04")
    with pytest.raises(DataError, match="To read Excel files, install python-calamine: `make lab-excel`"):
        dataset.fetch_rows(tiny_spec, "real", tmp_path, pytest.fail)
