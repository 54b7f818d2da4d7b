"""Excel workbooks as training data: typed cells, errors, formulas and sheets."""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from model_build.console import Progress
from model_build.data import dataset
from model_build.data.workbook import read_workbook
from model_build.drafting import questions
from model_build.drafting.draft import draft_spec
from model_build.drafting.table import Location
from model_build.errors import DataError
from model_build.origin import Origin
from model_build.spec import model_spec
from tests.support.bakes import bake
from tests.support.tiny import TINY, loans

HEADER = ["years", "rate", "grade", "secured", "paid"]


def write(path: Path, *sheets: Sequence[Any]) -> None:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets, 1):
        sheet = book.create_sheet(f"Sheet {number}")
        for row in rows:
            sheet.append(row)
    book.save(path)


def fetch(directory: Path, source: str = "{uri: loans.xlsx}") -> tuple[list[Any], Origin]:
    (directory / "tiny.yaml").write_text(TINY.replace("{uri: loans.csv}", source))
    spec = model_spec.load(str(directory / "tiny.yaml"))
    raw, origin = dataset.fetch_rows(spec, "real", directory, pytest.fail)
    frame, _ = dataset.clean(raw, spec, origin.uri)
    return list(dataset.build_dataset(frame, spec).rows), origin


def test_typed_cells_are_read_as_those_of_a_csv_file(tmp_path: Path) -> None:
    rows = [
        [],
        [None, *HEADER, None],
        [None, 1, 2.5, "A", True, "no"],
        [],
        [None, 2.0, None, "?", 0, "yes"],
        [None, 3, "n/a", " B ", "no", "no"],
    ]
    write(tmp_path / "loans.xlsx", rows)
    read, origin = fetch(tmp_path)
    assert read == [
        {"years": 1, "rate": 2.5, "grade": "A", "secured": True},
        {"years": 2, "rate": None, "grade": None, "secured": False},
        {"years": 3, "rate": None, "grade": "B", "secured": False},
    ]
    (file,) = origin.files
    assert (file.rows, file.blank_rows, file.ignored_columns) == (3, 1, ("column 1",))


def test_dates_are_in_iso_8601(tmp_path: Path) -> None:
    write(tmp_path / "days.xlsx", [["day", "time"], [date(2024, 5, 6), datetime(2024, 5, 6, 10, 30)]])
    assert read_workbook(tmp_path / "days.xlsx", None).rows.to_numpy().tolist() == [
        ["2024-05-06", "2024-05-06T10:30:00"]
    ]


def test_an_error_is_no_missing_value(tmp_path: Path) -> None:
    write(tmp_path / "loans.xlsx", [HEADER, [1, None, "A", True, "no"], [2, "#DIV/0!", "B", False, "yes"]])
    with pytest.raises(DataError, match="Row 2: rate is '#DIV/0!'; it must be a number"):
        fetch(tmp_path)


def test_a_formula_that_was_never_computed_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "loans.xlsx", [HEADER, [1, None, "A", True, "no"], [2, "=A2*2", "B", False, "yes"]])
    with pytest.raises(DataError) as caught:
        fetch(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'loans.xlsx'}: the cell B3 of Sheet 1 has a formula without a value. "
        "Open the file in Excel and save it, so that its formulas are computed."
    )


def test_a_workbook_of_several_sheets_needs_the_name_of_one(tmp_path: Path) -> None:
    rows = [HEADER, [1, 2, "A", True, "no"]]
    write(tmp_path / "loans.xlsx", [["notes"]], rows, [])
    with pytest.raises(DataError) as caught:
        fetch(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'loans.xlsx'} has 2 sheets with cells: Sheet 1, Sheet 2. "
        "Name one as the sheet of the source."
    )
    assert len(fetch(tmp_path, "{uri: loans.xlsx, sheet: Sheet 2}")[0]) == 1
    with pytest.raises(DataError, match="has no sheet 'Rows' with cells; it has Sheet 1, Sheet 2"):
        fetch(tmp_path, "{uri: loans.xlsx, sheet: Rows}")


def test_a_sheet_without_cells_and_another_archive_are_errors(tmp_path: Path) -> None:
    write(tmp_path / "loans.xlsx", [])
    with pytest.raises(DataError, match="has 0 sheets with cells"):
        fetch(tmp_path)
    (tmp_path / "loans.xlsx").write_bytes(b"PK\x03\x04 rest")
    with pytest.raises(DataError, match="can't be read: "):
        fetch(tmp_path)


def test_a_workbook_is_drafted_and_baked(tmp_path: Path, quiet: Progress) -> None:
    header, *lines = [line.split(", ") for line in loans().splitlines()]
    rows = [
        [int(years), float(rate) if rate != "n/a" else None, grade, secured == "true", paid]
        for years, rate, grade, secured, paid in lines
    ]
    write(tmp_path / "loans.xlsx", [header, *rows], [["about"], ["made up"]])
    location = Location.of(tmp_path / "loans.xlsx")
    spec = draft_spec(location, tmp_path / "loans.yaml", "loans", "paid", questions.take_guess, quiet)
    assert [(source.uri, source.sheet) for source in spec.data.sources] == [("loans.xlsx", "Sheet 1")]
    assert {feature.name: feature.type for feature in spec.features} == {
        "duration-years": "integer",
        "rate": "number",
        "grade": "category",
        "secured": "boolean",
    }
    contract = bake(spec, "real", tmp_path / "model", tmp_path, quiet, tmp_path / "build")
    assert contract.metrics["roc_auc"] > 0.7
