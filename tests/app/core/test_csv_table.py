from typing import Any

import pytest

from app.core import csv_table
from app.core.column_names import ColumnNames
from app.core.csv_table import DELIMITERS, LONGEST_LINE, NOT_UTF_8, CsvRows, CsvTable
from app.core.errors import Problem
from tests.support.problems import SECRET, invalid_rows, problem

HEADER = "years,rate,use,secured\n"
LINE = "5,2.5,car,true\n"
CELLS = ["5", "2.5", "car", "true"]
NAMES = ColumnNames([["years"], ["rate"], ["use"], ["secured"]])
MANY = 10
TOO_MUCH = "is not CSV: too many blank lines, or a row over too many lines."


def open_table(text: str | bytes, max_rows: int = 3) -> CsvTable:
    body = text if isinstance(text, bytes) else text.encode()
    return csv_table.open_body(body, NAMES, max_rows)


def read(text: str | bytes, count: int = MANY) -> CsvRows:
    return open_table(text).read(count)


def refusal(text: str | bytes) -> dict[str, Any]:
    """Return the problem document of the header or of the rows, which holds nothing secret."""
    try:
        refused = read(text).problem
    except Problem as error:
        refused = error
    assert refused
    assert SECRET not in str(refused.document())
    return refused.document()


@pytest.mark.parametrize(
    "text",
    [
        HEADER + LINE,
        HEADER + LINE.rstrip("\n"),
        (HEADER + LINE).replace("\n", "\r\n"),
        (HEADER + LINE).replace("\n", "\r"),
        "years, rate, use, secured\n5, 2.5, car, true\n",
        '"years","rate","use","secured"\n"5","2.5","car","true"\n',
        '"years", "rate", "use", "secured"\n"5", "2.5", "car", "true"\n',
    ],
    ids=[
        "plain",
        "no last line end",
        "CRLF",
        "CR",
        "spaces",
        "quotes",
        "quotes and spaces",
    ],
)
def test_line_becomes_cells(text: str) -> None:
    table = open_table(text)
    assert table.header == ["years", "rate", "use", "secured"]
    assert table.read(MANY) == CsvRows([CELLS], [2])


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        (" 5 ,\t2.5, car , true \n", ["5 ", "\t2.5", "car ", "true "]),
        ("5,,c\0r,\n", ["5", "", "c\0r", ""]),
        ('5,2.5,"a ""big"", red\nhome",true\n', ["5", "2.5", 'a "big", red\nhome', "true"]),
        (f"5,2.5,{'x' * 131_072},true\n", ["5", "2.5", "x" * 131_072, "true"]),
    ],
    ids=["space", "NUL and nothing", "quotes", "the largest"],
)
def test_cells_hold_any_text(line: str, cells: list[str]) -> None:
    assert read(HEADER + line).cells == [cells]


def test_rows_are_read_a_few_at_a_time() -> None:
    table = open_table(HEADER + LINE * 3)
    assert [table.read(2) for _ in range(3)] == [
        CsvRows([CELLS] * 2, [2, 3]),
        CsvRows([CELLS], [4]),
        CsvRows(),
    ]


def test_blank_lines_are_skipped_and_counted() -> None:
    assert read(f"{HEADER}\n{LINE}\n\r\n{LINE}\n").lines == [3, 6]


def test_row_over_several_lines_has_the_number_of_its_last_line() -> None:
    line = '5,2.5,"red\nhome",true\n'
    assert read(HEADER + line + LINE + line).lines == [3, 4, 6]


def test_file_of_a_header_has_no_rows() -> None:
    assert read(HEADER) == CsvRows()


@pytest.mark.parametrize("text", ["", "\n\n", " ,;\n,,,\n", "sep=;\n"])
def test_file_may_have_no_header(text: str) -> None:
    table = open_table(text)
    assert (table.header, table.read(MANY)) == ([], CsvRows())


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize("quote", ["", '"'])
def test_delimiter_is_found_from_the_header(delimiter: str, quote: str) -> None:
    lines = (HEADER + LINE).replace(",", f"{quote}{delimiter}{quote}").splitlines()
    table = open_table("\n".join(f"{quote}{line}{quote}" for line in lines))
    assert (table.delimiter, table.header) == (delimiter, HEADER.strip().split(","))
    assert table.read(MANY) == CsvRows([CELLS], [2])


def test_names_tell_the_delimiter_if_other_signs_are_more_frequent() -> None:
    table = open_table("years|note;1;2;3;4,5,6|rate\n1|a|2\n")
    assert (table.delimiter, table.header) == ("|", ["years", "note;1;2;3;4,5,6", "rate"])


@pytest.mark.parametrize("declaration", ["sep=;", "SEP=;", '"sep=;"', "\nsep=;", "sep=;\n"])
def test_declared_delimiter_counts_and_its_line_too(declaration: str) -> None:
    table = open_table(f"{declaration}\nyears;rate,use;secured\n5;2.5;true\n")
    assert (table.delimiter, table.header) == (";", ["years", "rate,use", "secured"])
    assert table.header_line == 2 + declaration.count("\n")
    assert table.read(MANY).lines == [table.header_line + 1]


def test_lines_with_nothing_in_any_cell_do_not_count() -> None:
    blank = ", ,,\n,,,\n   \n"
    assert read(blank + HEADER + blank + LINE + blank) == CsvRows([CELLS], [8])
    detail = refusal(HEADER + ",,,\n" * 1_000_000)["detail"]
    assert detail.endswith(TOO_MUCH)


@pytest.mark.parametrize(
    ("lines", "line", "cells"),
    [
        ("5,2.5,car\n", 2, 3),
        ("5,2.5,car,true,\n", 2, 5),
        (f"{LINE}{SECRET}\n{LINE}", 3, 1),
        (f'{LINE}5,2.5,"a\n\nb"\n', 5, 3),
        (f"{LINE}5\n{LINE * 9}", 3, 1),
    ],
    ids=["few", "many", "one", "over several lines", "before too many rows"],
)
def test_line_with_another_number_of_cells_is_named(lines: str, line: int, cells: int) -> None:
    message = f"Has {cells} cells where the header has 4."
    if cells == 5:
        message += " Perhaps the header lacks the name of a first column, such as row names."
    assert refusal(HEADER + lines) == invalid_rows(["line", line], message, "cells")


@pytest.mark.parametrize("rows", [4, 1000])
@pytest.mark.parametrize("count", [1, 2, 3, 4, MANY])
def test_more_rows_than_allowed_are_refused(rows: int, count: int) -> None:
    table = open_table(HEADER + LINE * rows)
    read_rows: list[list[str]] = []
    while not (part := table.read(count)).problem:
        read_rows += part.cells
    assert read_rows + part.cells == [CELLS] * 3
    message = "At most 3 rows are allowed in one request (MAX_ROWS)."
    assert part.problem.document() == invalid_rows([], message, "too_long")


@pytest.mark.parametrize("line", ['"never closed\n', "5,2.5\n"])
def test_first_problem_of_a_file_counts(line: str) -> None:
    assert refusal(HEADER + LINE * 4 + line)["errors"][0]["type"] == "too_long"
    assert refusal(HEADER + "5\n" + line)["errors"][0]["type"] == "cells"


def test_rows_before_a_problem_are_returned_with_it() -> None:
    rows = read(f'{HEADER}{LINE}{LINE}"5"x')
    assert rows.problem
    assert rows.problem.document() == problem(
        400, "invalid-csv", "Line 4 is not CSV: ',' expected after '\"'."
    )
    assert rows == CsvRows([CELLS] * 2, [2, 3], rows.problem)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"\xff\xfe", NOT_UTF_8),
        ((HEADER + LINE).encode("utf-16"), NOT_UTF_8),
        (f"{HEADER}5,2.5,gr\u00f6\u00dfer,true".encode("latin-1"), NOT_UTF_8),
        (b"\xed\xa0\x80", NOT_UTF_8),
        (f'{HEADER}{LINE}"{SECRET}', "Line 3 is not CSV: unexpected end of data."),
        (f'"{SECRET}', "Line 1 is not CSV: unexpected end of data."),
        (f'{HEADER}"5"{SECRET},', "Line 2 is not CSV: ',' expected after '\"'."),
        (f'{HEADER}{LINE}"5" ,2,car,true', "Line 3 is not CSV: ',' expected after '\"'."),
        (f"{HEADER}{'5' * 131_073}", "Line 2 is not CSV: field larger than field limit (131072)."),
        ("5" * 131_073, "Line 1 is not CSV: field larger than field limit (131072)."),
        (f'{HEADER}"' + "5\n" * 70_000, f"Line 9363 {TOO_MUCH}"),
        (HEADER + ',"\n"' * 1_000_000, f"Line 8739 {TOO_MUCH}"),
    ],
    ids=[
        "no text",
        "UTF-16",
        "latin-1",
        "surrogate",
        "open quote",
        "open quote in the header",
        "text after a quote",
        "space after a quote",
        "huge cell",
        "huge name",
        "huge open quote",
        "row over too many lines",
    ],
)
def test_file_that_is_not_csv_is_400_and_says_where(body: str | bytes, detail: str) -> None:
    assert refusal(body) == problem(400, "invalid-csv", detail)


def test_text_that_is_not_utf_8_is_refused_wherever_it_stands() -> None:
    body = (HEADER + LINE * 3).encode()
    detail = NOT_UTF_8
    assert refusal(body + b" " * 20_000 + b"\xff") == problem(400, "invalid-csv", detail)


@pytest.mark.parametrize("line_end", ["\n", "\r", "\r\n"])
def test_blank_lines_are_skipped_unless_there_are_thousands_together(line_end: str) -> None:
    blank = line_end * 9000
    assert read(HEADER + blank + LINE + blank + LINE + blank).cells == [CELLS] * 2
    assert refusal(HEADER + LINE + line_end * 1_000_000)["detail"].endswith(TOO_MUCH)


@pytest.mark.parametrize("line_end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("count", [1, 100, 40_000])
def test_long_file_of_short_lines_is_read(line_end: str, count: int) -> None:
    body = (HEADER + LINE * 30_000).replace("\n", line_end).encode()
    assert len(body) > LONGEST_LINE
    table = open_table(body, max_rows=40_000)
    assert sum(len(rows.cells) for rows in iter(lambda: table.read(count), CsvRows())) == 30_000


@pytest.mark.parametrize("sign", ["x", ",", '"', "\0", "größe"])
@pytest.mark.parametrize(("start", "line"), [("", 1), (HEADER, 2), (HEADER + LINE, 3)])
def test_long_line_is_refused_before_it_is_read(start: str, line: int, sign: str) -> None:
    detail = f"Line {line} is longer than 262144 bytes."
    assert refusal(start + sign * (LONGEST_LINE + 1)) == problem(400, "invalid-csv", detail)
