from pathlib import Path

import pytest

from model_build.data import dataset
from model_build.errors import DataError
from model_build.spec.model_spec import ModelSpec
from tests.model_build.data.conftest import GOOD, HEADER, Load, cleaning


def columns(*names: str) -> tuple[str, str]:
    return "licence: none", f"licence: none\n  columns: [{', '.join(names)}]"


@pytest.mark.parametrize(
    "text",
    [
        HEADER + "1,2.5,A,true,no\n2,,B,false,yes\n",
        " years, rate, grade, secured, paid\n 1, 2.5, A, true, no\n 2, n/a, B, false, yes\n",
        "years ,rate ,grade ,secured ,paid \n1 ,2.5 ,A ,true ,no \n2 , ,B ,false ,yes \n",
        "duration-years,rate,grade,secured,paid\n1,2.5,A,1,no\n2,n/a,B,0,yes\n",
        "Duration_Years,RATE,Grade,secured,PAID\n1.0,2.50,A,Yes,no\n2,n/a,B,No,yes\n",
        "duration years,rate,grade,secured,paid\n1,2.5,A,True,no\n2,n/a,B,False,yes\n",
        "paid,secured,grade,rate,years\nno,true,A,2.5,1\nyes,false,B,n/a,2\n",
        '"years","rate","grade","secured","paid"\n"1","2.5","A","true","no"\n2,n/a,B,false,yes\n',
        "\ufeff" + HEADER + "1,2.5,A,true,no\n2,n/a,B,false,yes\n",
        (HEADER + "1,2.5,A,true,no\n2,n/a,B,false,yes\n").replace("\n", "\r\n"),
        "\n" + HEADER + "\n1,2.5,A,true,no\n2,n/a,B,false,yes\n\n \n",
    ],
    ids=[
        "empty cell",
        "leading spaces",
        "trailing spaces",
        "alias with a hyphen",
        "upper case",
        "name with a space",
        "other order",
        "quotes",
        "byte order mark",
        "CRLF",
        "blank lines",
    ],
)
def test_spelling_of_a_file_does_not_change_its_rows(load: Load, text: str) -> None:
    loaded = load(text)
    assert loaded.rows == [
        {"years": 1, "rate": 2.5, "grade": "A", "secured": True},
        {"years": 2, "rate": None, "grade": "B", "secured": False},
    ]
    assert loaded.labels == [0, 1]
    assert loaded.cleaning == cleaning(2, rate=1)


def test_file_without_a_header_has_the_columns_of_the_spec(load: Load) -> None:
    loaded = load(
        "no,1,2.5,A,true\nyes,2,3,B,false\n", columns("paid", "duration-years", "rate", "grade", "secured")
    )
    assert loaded.rows == [
        {"years": 1, "rate": 2.5, "grade": "A", "secured": True},
        {"years": 2, "rate": 3, "grade": "B", "secured": False},
    ]
    assert loaded.labels == [0, 1]


def test_header_overrides_the_columns_of_the_spec(load: Load) -> None:
    text = "paid,years,rate,grade,secured\nno,1,2.5,A,true\n"
    loaded = load(text, columns("years", "rate", "grade", "secured", "paid"))
    assert loaded.rows == [{"years": 1, "rate": 2.5, "grade": "A", "secured": True}]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", " is empty"),
        ("\n\n", " is empty"),
        (HEADER + "1,1,A,true,no,5\n", " is not a CSV file: line 2 has 6 cells, not 5"),
        (HEADER + "1,1,A,true,no\n2,1\n", " is not a CSV file: line 3 has 2 cells, not 5"),
        (HEADER + "1\n", " is not a CSV file: line 2 has 1 cell, not 5"),
        (HEADER + '1,1,"A\n1",true,no\n1\n', " is not a CSV file: line 4 has 1 cell, not 5"),
        (
            HEADER + '\n1,1,"A,true,no\n1,1,A,true,no\n',
            " is not a CSV file: line 3: unexpected end of data",
        ),
        (
            HEADER + '1,1,"A,true,no\n1,1,"A",true,no\n',
            " is not a CSV file: line 2: ',' expected after '\"'",
        ),
        (
            GOOD,
            " has no column paid in its first line; it has 1, 2.5, A, true, no. "
            "A file without a header line needs data.columns.",
        ),
        (
            HEADER.replace(",", ";") + "1;1;A;true;no\n",
            " has no column paid in its first line; it has years;rate;grade;secured;paid. "
            "A file without a header line needs data.columns.",
        ),
        (
            HEADER.replace("paid", "Paid back") + "1,1,A,true,no\n",
            " has no column paid in its first line; it has years, rate, grade, secured, Paid back. "
            "A file without a header line needs data.columns.",
        ),
        (
            "years,rate,grade,paid\n1,1,A,no\n",
            " has no column secured; it has years, rate, grade, paid",
        ),
        (
            "rate,grade,secured,paid\n1,A,true,no\n",
            " has no column years or duration-years; it has rate, grade, secured, paid",
        ),
        (
            "years,Years,rate,paid\n1,1,1,no\n",
            " has more than one column years or duration-years, no column grade, no column secured; "
            "it has years, years, rate, paid",
        ),
        (
            "years,Duration Years,rate,grade,secured,paid\n1,1,1,A,true,no\n",
            " has more than one column years or duration-years; "
            "it has years, duration_years, rate, grade, secured, paid",
        ),
        (
            "years,Years,rate,grade,secured,paid\n1,1,1,A,true,no\n",
            " has more than one column years or duration-years; "
            "it has years, years, rate, grade, secured, paid",
        ),
    ],
)
def test_file_without_the_columns_is_an_error(load: Load, tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        load(text)
    assert str(caught.value) == f"{tmp_path / 'loans.csv'}{sentence}"


def test_file_without_a_header_and_with_other_columns_is_an_error(load: Load, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load("1;1;A;true;no\n", columns("years", "rate", "grade", "secured", "paid"))
    assert str(caught.value) == (
        f"{tmp_path / 'loans.csv'} has no header line with 'paid'; it has 1 column, and data.columns names 5"
    )


def test_binary_file_is_an_error(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    path = tmp_path / "loans.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError) as caught:
        dataset.fetch_rows(tiny_spec, "real", tmp_path, pytest.fail)
    assert str(caught.value) == (
        f"{path} is not a CSV file: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"
    )
