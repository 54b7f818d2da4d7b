from typing import Any

import pytest

from app.core.chunks import run_at_once
from app.core.contract import Contract, Target
from app.core.errors import Problem
from app.core.features import BooleanFeature, CategoryFeature, IntegerFeature, Missing, NumberFeature, Value
from app.prediction.csv_reader import CsvReader, CsvRows

SECRET = "xyzzy-secret"  # noqa: S105 - stands for anything that a client may send
FEATURES = (
    IntegerFeature(
        name="years",
        aliases=("duration-years", "term"),
        type="integer",
        minimum=1,
        maximum=30,
        title="Years",
        example=5,
    ),
    NumberFeature(
        name="rate",
        type="number",
        minimum=0,
        maximum=20,
        title="Rate",
        example=2.5,
        missing=Missing(markers=("n/a",)),
    ),
    CategoryFeature(
        name="use", type="category", categories=("car", 'a "big", red\nhome'), title="Use", example="car"
    ),
    BooleanFeature(name="secured", type="boolean", title="Secured", example=True),
)
PARTS: dict[str, Any] = {
    "features": FEATURES,
    "target": Target(name="paid", labels=("no", "yes"), positive="yes"),
}
HEADER = "years,rate,use,secured\n"
LINE = "5,2.5,car,true\n"
ROW: dict[str, Any] = {"years": 5.0, "rate": 2.5, "use": "car", "secured": True}
KNOWN = "The features are: years, rate, use, secured."

reader = CsvReader(Contract.model_construct(**PARTS), max_rows=3)


def read(text: str, *, with_truth: bool = True) -> CsvRows:
    return run_at_once(reader.read(text.encode(), with_truth=with_truth))


def refusal(body: str | bytes, *, with_truth: bool = True) -> dict[str, Any]:
    """Return the problem document for a body, which holds nothing secret."""
    with pytest.raises(Problem) as refused:
        run_at_once(reader.read(body if isinstance(body, bytes) else body.encode(), with_truth=with_truth))
    document = refused.value.document()
    assert SECRET not in str(document)
    return document


def not_csv(detail: str) -> dict[str, Any]:
    return {"type": "urn:problem:invalid-csv", "title": "Invalid csv", "status": 400, "detail": detail}


def invalid(where: str, message: str, loc: list[str | int], kind: str) -> dict[str, Any]:
    return {
        "type": "urn:problem:invalid-rows",
        "title": "Invalid rows",
        "status": 422,
        "detail": f"At {where}: {message}",
        "errors": [{"loc": loc, "msg": message, "type": kind}],
    }


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
    assert read(text) == CsvRows([ROW], [2], None)


def test_columns_may_stand_in_any_order() -> None:
    assert read("secured,use,rate,years\ntrue,car,2.5,5\n") == CsvRows([ROW], [2], None)


@pytest.mark.parametrize("name", ["duration-years", "term"])
def test_column_may_stand_under_an_alias(name: str) -> None:
    row = {name if key == "years" else key: value for key, value in ROW.items()}
    assert read(HEADER.replace("years", name) + LINE) == CsvRows([row], [2], None)


def test_blank_lines_are_passed_over_and_counted() -> None:
    assert read(f"{HEADER}\n{LINE}\n\r\n{LINE}\n") == CsvRows([ROW, ROW], [3, 6], None)


def test_cell_in_quotes_may_hold_commas_quotes_and_line_ends() -> None:
    line = '5,2.5,"a ""big"", red\nhome",true\n'
    home = ROW | {"use": 'a "big", red\nhome'}
    assert read(HEADER + line + LINE + line) == CsvRows([home, ROW, home], [3, 4, 6], None)


@pytest.mark.parametrize("missing", ["", " ", "n/a", '""', '"n/a"'])
def test_missing_value_is_none_where_it_is_allowed(missing: str) -> None:
    assert read(f"{HEADER}5,{missing},car,true\n") == CsvRows([ROW | {"rate": None}], [2], None)


def test_cell_that_is_no_value_stays_text_for_validation() -> None:
    row: dict[str, Value] = {"years": "n/a", "rate": "?", "use": "", "secured": "2"}
    assert read(f"{HEADER}n/a,?,,2\n") == CsvRows([row], [2], None)


def test_nul_is_text_like_any_other() -> None:
    assert read(f"{HEADER}5,2.5,c\0r,true\n") == CsvRows([ROW | {"use": "c\0r"}], [2], None)


def test_header_alone_is_no_rows() -> None:
    assert read(HEADER) == CsvRows([], [], None)


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
    assert read(text) == CsvRows([ROW] * 3, [2, 3, 4], [1, 0, 1])
    assert read(text, with_truth=False) == CsvRows([ROW] * 3, [2, 3, 4], None)


@pytest.mark.parametrize("label", ["", SECRET, "Yes", "1"])
def test_label_of_another_model_is_refused_unless_it_is_ignored(label: str) -> None:
    text = f"paid,{HEADER}yes,{LINE}{label},{LINE}"
    message = "Must be one of no, yes."
    assert refusal(text) == invalid("line 3 paid", message, ["line", 3, "paid"], "literal_error")
    assert read(text, with_truth=False) == CsvRows([ROW] * 2, [2, 3], None)


@pytest.mark.parametrize(
    ("header", "where", "message", "loc", "kind"),
    [
        ("", "line 1 years", "The column years is missing.", ["line", 1, "years"], "missing"),
        ("\n" + HEADER, "line 1 years", "The column years is missing.", ["line", 1, "years"], "missing"),
        ("years,rate,use", "line 1 secured", "The column secured is missing.", None, "missing"),
        ("years,rate,use,paid", "line 1 secured", "The column secured is missing.", None, "missing"),
        ("use,rate,secured", "line 1 years", "The column years is missing.", None, "missing"),
        (f"{SECRET},rate", "line 1", f"Unknown column. {KNOWN}", ["line", 1], "extra_forbidden"),
        ("years,rate,use,secured,", "line 1", f"Unknown column. {KNOWN}", ["line", 1], "extra_forbidden"),
        ("Years,rate,use,secured", "line 1", f"Unknown column. {KNOWN}", ["line", 1], "extra_forbidden"),
        (
            "years;rate;use;secured",
            "line 1",
            f"Unknown column. {KNOWN}",
            ["line", 1],
            "extra_forbidden",
        ),
        ("\0", "line 1", f"Unknown column. {KNOWN}", ["line", 1], "extra_forbidden"),
        (
            "years,rate,use,secured,rate",
            "line 1 rate",
            "The column rate stands twice.",
            None,
            "extra_forbidden",
        ),
        (
            "term,rate,use,secured,duration-years",
            "line 1 years",
            "The column years stands twice.",
            None,
            "extra_forbidden",
        ),
        (
            "years,rate,use,secured,years",
            "line 1 years",
            "The column years stands twice.",
            None,
            "extra_forbidden",
        ),
        (
            "paid,years,rate,use,secured,paid",
            "line 1 paid",
            "The column paid stands twice.",
            None,
            "extra_forbidden",
        ),
    ],
)
@pytest.mark.parametrize("with_truth", [True, False])
def test_columns_that_do_not_fit_are_refused(
    header: str, where: str, message: str, loc: list[str | int] | None, kind: str, with_truth: bool
) -> None:
    loc = loc or ["line", 1, where.rpartition(" ")[2]]
    document = invalid(where, message, loc, kind)
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
    assert refusal(HEADER + lines) == invalid(f"line {line}", message, ["line", line], "cells")


@pytest.mark.parametrize("rows", [4, 1000])
def test_more_rows_than_allowed_are_refused(rows: int) -> None:
    message = "At most 3 rows are allowed in one request."
    assert refusal(HEADER + LINE * rows) == invalid("body", message, [], "too_long")


def test_rows_beyond_the_limit_are_not_even_read() -> None:
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
            "Line 65538 is not CSV: field larger than field limit (131072).",
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
def test_what_is_not_csv_is_400_and_says_where(body: str | bytes, detail: str) -> None:
    assert refusal(body) == not_csv(detail)


def test_largest_cell_is_text_for_validation() -> None:
    cell = "x" * 131_072
    assert read(f"{HEADER}5,2.5,{cell},true\n") == CsvRows([ROW | {"use": cell}], [2], None)
