from dataclasses import dataclass
from typing import Any

import pytest

from app.core.contract import Contract, Target
from app.core.errors import Problem
from app.core.features import Missing, Value
from app.prediction.csv_reader import LONGEST_LINE, CsvReader
from tests.support.features import grade, rate, secured, years
from tests.support.problems import SECRET, invalid_rows, problem

FEATURES = (
    years(aliases=("duration-years", "term")),
    rate(missing=Missing(markers=("n/a",))),
    grade(name="use", title="Use", categories=("car", 'a "big", red\nhome'), example="car"),
    secured(),
)
DECLARED: dict[str, Any] = {
    "features": FEATURES,
    "target": Target(name="paid", labels=("no", "yes"), positive="yes"),
}
HEADER = "years,rate,use,secured\n"
LINE = "5,2.5,car,true\n"
ROW: dict[str, Any] = {"years": 5.0, "rate": 2.5, "use": "car", "secured": True}
UNKNOWN = "Unknown column. The features are: years, rate, use, secured."

reader = CsvReader(Contract.model_construct(**DECLARED), max_rows=3)


@dataclass
class Read:
    """What was read of a file."""

    rows: list[dict[str, Value]]
    lines: list[int]
    truth: list[int] | None


def read_body(body: bytes, *, with_truth: bool = True) -> Read:
    csv = reader.read(body, with_truth=with_truth)
    return Read(list(csv.rows), csv.lines, csv.truth)


def read(text: str, *, with_truth: bool = True) -> Read:
    return read_body(text.encode(), with_truth=with_truth)


def refusal(body: str | bytes, *, with_truth: bool = True) -> dict[str, Any]:
    """Return the problem document for a body, which holds nothing secret."""
    with pytest.raises(Problem) as refused:
        read_body(body if isinstance(body, bytes) else body.encode(), with_truth=with_truth)
    document = refused.value.document()
    assert SECRET not in str(document)
    return document


@pytest.mark.parametrize(
    "text",
    [
        HEADER + LINE,
        HEADER + LINE.rstrip("\n"),
        (HEADER + LINE).replace("\n", "\r\n"),
        (HEADER + LINE).replace("\n", "\r"),
        "\ufeff" + HEADER + LINE,
        '\ufeff"years","rate","use","secured"\n' + LINE,
        "years, rate, use, secured\n5, 2.5, car, true\n",
        " years\t, rate , use ,secured \n 5 ,\t2.5, car , true \n",
        '"years","rate","use","secured"\n"5","2.5","car","true"\n',
        '"years", "rate", "use", "secured"\n"5", "2.5", "car", "true"\n',
        HEADER + "5.0,25e-1,car,YES\n",
    ],
    ids=[
        "plain",
        "no last line end",
        "CRLF",
        "CR",
        "byte order mark",
        "byte order mark and quotes",
        "spaces",
        "tabs and spaces",
        "quotes",
        "quotes and spaces",
        "other words",
    ],
)
def test_line_becomes_a_row_of_values(text: str) -> None:
    assert read(text) == Read([ROW], [2], None)


def test_columns_may_be_in_any_order() -> None:
    assert read("secured,use,rate,years\ntrue,car,2.5,5\n") == Read([ROW], [2], None)


@pytest.mark.parametrize("name", ["duration-years", "term"])
def test_column_may_have_an_alias(name: str) -> None:
    row = {name if key == "years" else key: value for key, value in ROW.items()}
    assert read(HEADER.replace("years", name) + LINE) == Read([row], [2], None)


def test_blank_lines_are_skipped_and_counted() -> None:
    assert read(f"{HEADER}\n{LINE}\n\r\n{LINE}\n") == Read([ROW, ROW], [3, 6], None)


def test_cell_in_quotes_may_hold_commas_quotes_and_line_ends() -> None:
    line = '5,2.5,"a ""big"", red\nhome",true\n'
    home = ROW | {"use": 'a "big", red\nhome'}
    assert read(HEADER + line + LINE + line) == Read([home, ROW, home], [3, 4, 6], None)


@pytest.mark.parametrize("missing", ["", " ", "n/a", '""', '"n/a"'])
def test_missing_value_is_none_where_it_is_allowed(missing: str) -> None:
    assert read(f"{HEADER}5,{missing},car,true\n") == Read([ROW | {"rate": None}], [2], None)


def test_cell_without_a_value_stays_text_for_validation() -> None:
    row: dict[str, Value] = {"years": "n/a", "rate": "?", "use": "", "secured": "2"}
    assert read(f"{HEADER}n/a,?,,2\n") == Read([row], [2], None)


def test_nul_is_text_like_any_other() -> None:
    assert read(f"{HEADER}5,2.5,c\0r,true\n") == Read([ROW | {"use": "c\0r"}], [2], None)


def test_file_of_a_header_has_no_rows() -> None:
    assert read(HEADER) == Read([], [], None)


@pytest.mark.parametrize(
    ("header", "lines"),
    [
        ("years,rate,use,secured,paid", ["5,2.5,car,true,yes", "5,2.5,car,true, no ", "5,2.5,car,true,yes"]),
        ("paid,years,rate,use,secured", ["yes,5,2.5,car,true", "no ,5,2.5,car,true", "yes,5,2.5,car,true"]),
        ("years, rate, paid, use, secured", ["5,2.5,yes,car,1", "5,2.5,no,car,1", "5,2.5,yes,car,1"]),
    ],
)
def test_target_column_is_extracted_or_ignored(header: str, lines: list[str]) -> None:
    text = "\n".join([header, *lines])
    assert read(text) == Read([ROW] * 3, [2, 3, 4], [1, 0, 1])
    assert read(text, with_truth=False) == Read([ROW] * 3, [2, 3, 4], None)


@pytest.mark.parametrize("label", ["", SECRET, "Yes", "1"])
def test_unknown_label_is_refused_unless_labels_are_ignored(label: str) -> None:
    text = f"paid,{HEADER}yes,{LINE}{label},{LINE}"
    message = "Must be one of no, yes."
    assert refusal(text) == invalid_rows(["line", 3, "paid"], message, "literal_error")
    assert read(text, with_truth=False) == Read([ROW] * 2, [2, 3], None)


@pytest.mark.parametrize(
    ("header", "name", "message", "kind"),
    [
        ("", "years", "The column years is missing.", "missing"),
        ("\n" + HEADER, "years", "The column years is missing.", "missing"),
        ("years,rate,use", "secured", "The column secured is missing.", "missing"),
        ("years,rate,use,paid", "secured", "The column secured is missing.", "missing"),
        ("use,rate,secured", "years", "The column years is missing.", "missing"),
        (f"{SECRET},rate", None, UNKNOWN, "extra_forbidden"),
        ("years,rate,use,secured,", None, UNKNOWN, "extra_forbidden"),
        ("Years,rate,use,secured", None, UNKNOWN, "extra_forbidden"),
        ("years;rate;use;secured", None, UNKNOWN, "extra_forbidden"),
        ("\0", None, UNKNOWN, "extra_forbidden"),
        ("years,rate,use,secured,rate", "rate", "The column rate stands twice.", "extra_forbidden"),
        (
            "term,rate,use,secured,duration-years",
            "years",
            "The column years stands twice.",
            "extra_forbidden",
        ),
        ("years,rate,use,secured,years", "years", "The column years stands twice.", "extra_forbidden"),
        ("paid,years,rate,use,secured,paid", "paid", "The column paid stands twice.", "extra_forbidden"),
    ],
)
@pytest.mark.parametrize("with_truth", [True, False])
def test_wrong_columns_are_refused(
    header: str, name: str | None, message: str, kind: str, with_truth: bool
) -> None:
    document = invalid_rows(["line", 1, *([name] if name else [])], message, kind)
    assert refusal(header, with_truth=with_truth) == document
    cells = ",".join("1" * len(header.split(",")))
    assert refusal(f"{header}\n{cells}\n", with_truth=with_truth) == document


@pytest.mark.parametrize(
    ("lines", "line", "cells"),
    [
        ("5,2.5,car\n", 2, 3),
        ("5,2.5,car,true,\n", 2, 5),
        (f"{LINE}{SECRET}\n", 3, 1),
        (f"{LINE}\n\n  \n", 5, 1),
        (f'{LINE}5,2.5,"a\n\nb"\n', 5, 3),
    ],
    ids=["few", "many", "one", "blanks", "over several lines"],
)
def test_line_with_another_number_of_cells_is_named(lines: str, line: int, cells: int) -> None:
    message = f"Has {cells} cells where the header has 4."
    assert refusal(HEADER + lines) == invalid_rows(["line", line], message, "cells")


@pytest.mark.parametrize("rows", [4, 1000])
def test_more_rows_than_allowed_are_refused(rows: int) -> None:
    message = "At most 3 rows are allowed in one request."
    assert refusal(HEADER + LINE * rows) == invalid_rows([], message, "too_long")


def test_rows_beyond_the_limit_are_not_read() -> None:
    text = HEADER + LINE * 4 + '"never closed\n'
    assert refusal(text)["errors"][0]["type"] == "too_long"


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"\xff\xfe", "The body is not text in UTF-8."),
        ((HEADER + LINE).encode("utf-16"), "The body is not text in UTF-8."),
        (f"{HEADER}5,2.5,gr\u00f6\u00dfer,true".encode("latin-1"), "The body is not text in UTF-8."),
        (b"\xed\xa0\x80", "The body is not text in UTF-8."),
        (f'{HEADER}{LINE}"{SECRET}', "Line 3 is not CSV: unexpected end of data."),
        (f'"{SECRET}', "Line 1 is not CSV: unexpected end of data."),
        (f'{HEADER}"5"{SECRET},', "Line 2 is not CSV: ',' expected after '\"'."),
        (f'{HEADER}{LINE}"5" ,2,car,true', "Line 3 is not CSV: ',' expected after '\"'."),
        (f"{HEADER}{'5' * 131_073}", "Line 2 is not CSV: field larger than field limit (131072)."),
        ("5" * 131_073, "Line 1 is not CSV: field larger than field limit (131072)."),
        (
            f'{HEADER}"' + "5\n" * 70_000,
            "Line 9363 is not CSV: too many blank lines, or a row over too many lines.",
        ),
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
    ],
)
def test_file_that_is_not_csv_is_400_and_says_where(body: str | bytes, detail: str) -> None:
    assert refusal(body) == problem(400, "invalid-csv", detail)


def test_largest_cell_is_text_for_validation() -> None:
    cell = "x" * 131_072
    assert read(f"{HEADER}5,2.5,{cell},true\n") == Read([ROW | {"use": cell}], [2], None)


@pytest.mark.parametrize("line_end", ["\n", "\r", "\r\n"])
def test_blank_lines_are_skipped_unless_there_are_thousands_together(line_end: str) -> None:
    blank = line_end * 9000
    assert read(HEADER + blank + LINE + blank + LINE + blank).rows == [ROW, ROW]
    problem_document = refusal(HEADER + LINE + line_end * 1_000_000)
    assert problem_document["detail"].endswith(
        "is not CSV: too many blank lines, or a row over too many lines."
    )


@pytest.mark.parametrize("line_end", ["\n", "\r", "\r\n"])
def test_long_file_of_short_lines_is_read(line_end: str) -> None:
    reader = CsvReader(Contract.model_construct(**DECLARED), max_rows=40_000)
    body = (HEADER + LINE * 30_000).replace("\n", line_end).encode()
    assert len(body) > LONGEST_LINE
    assert len(list(reader.read(body, with_truth=True).rows)) == 30_000


@pytest.mark.parametrize("sign", ["x", ",", '"', "\0", "größe"])
@pytest.mark.parametrize(("start", "line"), [("", 1), (HEADER, 2), (HEADER + LINE, 3)])
def test_long_line_is_refused_before_it_is_read(start: str, line: int, sign: str) -> None:
    detail = f"Line {line} is longer than 262144 bytes."
    assert refusal(start + sign * (LONGEST_LINE + 1)) == problem(400, "invalid-csv", detail)


def test_row_over_too_many_lines_is_refused() -> None:
    text = HEADER + ',"\n"' * 1_000_000
    detail = "Line 8739 is not CSV: too many blank lines, or a row over too many lines."
    assert refusal(text) == problem(400, "invalid-csv", detail)


def test_rows_are_read_while_they_are_iterated() -> None:
    csv = reader.read(f"{HEADER}{LINE}{LINE}5".encode(), with_truth=True)
    assert (csv.lines, next(csv.rows), csv.lines) == ([2], ROW, [2])
    assert next(csv.rows) == ROW
    with pytest.raises(Problem):
        next(csv.rows)
    assert csv.lines == [2, 3]


def test_text_that_is_not_utf_8_is_refused_wherever_it_stands() -> None:
    body = (HEADER + LINE * 3).encode()
    detail = "The body is not text in UTF-8."
    assert refusal(body + b" " * 20_000 + b"\xff") == problem(400, "invalid-csv", detail)
