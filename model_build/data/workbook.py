"""A sheet of an Excel workbook (.xlsx), through the optional library python-calamine.

The library returns nothing for a cell with an error, and for a formula that nobody has computed. Both are
read from the sheet's XML, so that none of them becomes a missing value in silence.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET
from zipfile import ZipFile

from model_build.data.cell_text import texts_of
from model_build.data.tables import Lines, to_texts
from model_build.data.text_files import cannot_be_read, read_start
from model_build.errors import DataError
from model_build.text import pluralize

START = b"PK\x03\x04"
RELATIONS = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
CELL = re.compile(rb"<c\b([^>]*)(?<!/)>(.*?)</c>", re.DOTALL)
ERROR = re.compile(rb"<v>(#[^<]*)</v>")
FORMULA = re.compile(rb"<f\b")
VALUE = re.compile(rb"<v>[^<]|<is>|\bt=\"str\"")
REFERENCE = re.compile(rb'\br="([A-Z]+)([0-9]+)"')


def read_workbook(path: Path, sheet: str | None) -> Lines:
    """Return the cells of a sheet; an error, such as #N/A, is its text.

    Raises:
        DataError: the library is not installed, the file is no workbook, has several sheets with cells of
            which `sheet` names none, or has formulas without a value.
    """
    with _broken_file(path):
        sheets = _open_sheets(path)
        name = _choose_sheet(path, [*sheets], sheet)
        cells = [texts_of(row) for row in sheets[name].to_python(skip_empty_area=False)]
        _write_errors(path, name, cells)
    filled = [row for row in cells if any(map(str.strip, row))]
    if not filled:
        raise DataError(f"{path} has no cells in the sheet {name}")
    start = cells.index(filled[0])
    return Lines(filled[0], to_texts([filled[1:]], len(filled[0])), blank=len(cells) - start - len(filled))


def is_workbook(path: Path) -> bool:
    return read_start(path).startswith(START)


def list_sheets(path: Path) -> list[str]:
    """Return the names of the sheets that have cells."""
    with _broken_file(path):
        return [*_open_sheets(path)]


def _open_sheets(path: Path) -> dict[str, Any]:
    """Return the sheets that have cells, by name."""
    book = _library().CalamineWorkbook.from_path(str(path))
    sheets = {name: book.get_sheet_by_name(name) for name in book.sheet_names}
    return {name: sheet for name, sheet in sheets.items() if sheet.start is not None}


@contextmanager
def _broken_file(path: Path) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # the library's own errors have no common class
        raise cannot_be_read(path, error) from error


def _library() -> Any:
    try:
        import python_calamine  # noqa: PLC0415 - optional
    except ModuleNotFoundError as error:
        raise DataError("To read Excel files, install python-calamine: `make lab-excel`") from error
    return python_calamine


def _choose_sheet(path: Path, filled: list[str], sheet: str | None) -> str:
    if sheet is not None and sheet not in filled:
        raise DataError(f"{path} has no sheet {sheet!r} with cells; it has {', '.join(filled) or 'none'}")
    if sheet is None and len(filled) != 1:
        names = f": {', '.join(filled)}. Name one as the sheet of the source" if filled else ""
        raise DataError(f"{path} has {pluralize(len(filled), 'sheet')} with cells{names}.")
    return sheet or filled[0]


def _write_errors(path: Path, sheet: str, cells: list[list[str]]) -> None:
    """Write the text of each error into its cell; raise DataError for a formula without a value."""
    with ZipFile(path) as archive:
        content = archive.read(_sheet_file(archive, sheet))
    for attributes, inner in CELL.findall(content) if b'"e"' in content or b"<f" in content else ():
        reference = REFERENCE.search(attributes)
        if reference is None:
            continue
        column, row = _to_number(reference[1].decode()), int(reference[2])
        if error := ERROR.search(inner):
            cells[row - 1][column - 1] = error[1].decode()
        elif FORMULA.search(inner) and not VALUE.search(attributes + inner):
            cell = (reference[1] + reference[2]).decode()
            raise DataError(
                f"{path}: the cell {cell} of {sheet} has a formula without a value. "
                "Open the file in Excel and save it, so that its formulas are computed."
            )


def _sheet_file(archive: ZipFile, sheet: str) -> str:
    """Return the name of the file of a sheet within the workbook."""
    book = ET.fromstring(archive.read("xl/workbook.xml"))  # noqa: S314 - see the import
    links = ET.fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    ids = {element.get("name"): element.get(RELATIONS) for element in book.iter() if element.get(RELATIONS)}
    targets = {element.get("Id"): element.get("Target", "") for element in links}
    target = targets[ids[sheet]]
    return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"


def _to_number(letters: str) -> int:
    """Return the number of a column: 1 for A, 27 for AA."""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number
