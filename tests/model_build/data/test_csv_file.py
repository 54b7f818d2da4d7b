import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from model_build.data import dataset
from model_build.errors import DataError
from model_build.spec.model_spec import ModelSpec
from tests.model_build.data.conftest import GOOD, HEADER, Load, cleaning

ROW_NAMES = "Perhaps the header lacks the name of a first column, such as row names."
TEXT = HEADER + "1,1,A,true,no\n2,2,B,true,yes\n"


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
        "\n" + HEADER + "\n1,2.5,A,true,no\n,,,,\n2,n/a,B,false,yes\n\n \n",
        (HEADER + "1,2.5,A,true,no\n2,n/a,B,false,yes\n").replace(",", ";"),
        (HEADER + "1,2.5,A,true,no\n2,n/a,B,false,yes\n").replace(",", "\t").replace(".", ","),
        "sep=|\n" + (HEADER + "1,2.5,A,true,no\n2,n/a,B,false,yes\n").replace(",", "|"),
        "years,rate,grade,secured,paid,\n1,2.5,A,true,no,\n2,n/a,B,false,yes,\n",
        "years,rate,years,grade,secured,paid,RATE\n1,2.5,1,A,true,no,2.5\n2,n/a,2,B,false,yes,n/a\n",
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
        "semicolons",
        "tabs and decimal commas",
        "declared delimiter",
        "comma at the end",
        "equal columns",
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
        (
            HEADER + "1,1,A,true,no,5\n",
            f" is not a CSV file: At line 2: Has 6 cells where the header has 5. {ROW_NAMES}",
        ),
        (
            HEADER + "1,1,A,true,no\n2,1\n",
            " is not a CSV file: At line 3: Has 2 cells where the header has 5.",
        ),
        (HEADER + "1\n", " is not a CSV file: At line 2: Has 1 cells where the header has 5."),
        (
            HEADER + '1,1,"A\n1",true,no\n1\n',
            " is not a CSV file: At line 4: Has 1 cells where the header has 5.",
        ),
        (
            HEADER + '\n1,1,"A,true,no\n1,1,A,true,no\n',
            " is not a CSV file: Line 4 is not CSV: unexpected end of data.",
        ),
        (
            HEADER + '1,1,"A,true,no\n1,1,"A",true,no\n',
            " is not a CSV file: Line 3 is not CSV: ',' expected after '\"'.",
        ),
        (
            GOOD,
            " has no column paid in its first line; it has 1, 2.5, A, true, no. "
            "A file without a header line needs data.columns.",
        ),
        (
            HEADER.replace("paid", "Paid back") + "1,1,A,true,no\n",
            " has no column paid; it has years, rate, grade, secured, paid_back",
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
            " has no column grade, no column secured; it has years, rate, paid",
        ),
        (
            "years,Duration Years,rate,grade,secured,paid\n1,1,1,A,true,no\n1,2,1,A,true,no\n",
            " has two columns Duration Years, at the positions 1 and 2, and they differ. Remove one.",
        ),
        (
            "paid,years,rate,grade,secured,Paid\nno,1,1,A,true,yes\n",
            " has two columns Paid, at the positions 1 and 6, and they differ. Remove one.",
        ),
    ],
)
def test_file_without_the_columns_is_an_error(load: Load, tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        load(text)
    assert str(caught.value) == f"{tmp_path / 'loans.csv'}{sentence}"


def test_file_without_a_header_and_with_other_columns_is_an_error(load: Load, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load("1:1:A:true:no\n", columns("years", "rate", "grade", "secured", "paid"))
    assert str(caught.value) == (
        f"{tmp_path / 'loans.csv'} has no header line with 'paid'; it has 1 column, and data.columns names 5"
    )


def test_binary_file_is_an_error(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    path = tmp_path / "loans.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError) as caught:
        dataset.fetch_rows(tiny_spec, "real", tmp_path, pytest.fail)
    assert str(caught.value) == (f"{path} is not text in UTF-8; save it in UTF-8, or declare data.encoding")


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(TEXT.encode()),
        pa.Codec("zstd").compress(TEXT.encode(), asbytes=True),
        TEXT.encode("utf-16"),
        gzip.compress(TEXT.encode("utf-16")),
    ],
    ids=["gzip", "Zstandard", "UTF-16", "gzip of UTF-16"],
)
def test_compression_and_encoding_are_found(tiny_spec: ModelSpec, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "loans.csv").write_bytes(content)
    frame, _ = dataset.fetch_rows(tiny_spec, "real", tmp_path, pytest.fail)
    assert frame["grade"].tolist() == ["A", "B"]


def test_declared_encoding_and_delimiter_are_used(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    text = "größe;years;rate;grade;secured;paid\nä;1;1;A;true;no\nö;2;2;B;true;yes\n"
    (tmp_path / "loans.csv").write_bytes(text.encode("cp1252"))
    data = tiny_spec.data.model_copy(update={"encoding": "cp1252", "delimiter": ";"})
    frame, _ = dataset.fetch_rows(tiny_spec.model_copy(update={"data": data}), "real", tmp_path, pytest.fail)
    assert frame["größe"].tolist() == ["ä", "ö"]


def test_header_without_the_target_is_no_row(load: Load, tmp_path: Path) -> None:
    text = HEADER.replace("paid", "outcome") + "1,1,A,true,no\n"
    with pytest.raises(DataError) as caught:
        load(text, columns("years", "rate", "grade", "secured", "paid"))
    assert str(caught.value) == (
        f"{tmp_path / 'loans.csv'} has no column paid; it has years, rate, grade, secured, outcome"
    )


def test_other_columns_keep_names_of_their_own(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    header = f",a,A,a,{HEADER}".rstrip()
    (tmp_path / "loans.csv").write_text(f"{header}\n0,1,2,1,1,1,A,true,no\n1,2,3,2,1,1,A,true,no\n")
    frame, _ = dataset.fetch_rows(tiny_spec, "real", tmp_path, pytest.fail)
    names = ["unnamed (column 1)", "a", "a (column 3)", "years", "rate", "grade", "secured", "paid"]
    assert list(frame.columns) == names


def test_other_file_is_named(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    path = tmp_path / "loans.csv"
    path.write_bytes(b"%PDF-1.7 rest")
    with pytest.raises(DataError) as caught:
        dataset.fetch_rows(tiny_spec, "real", tmp_path, pytest.fail)
    assert str(caught.value) == f"{path} is not a CSV file: it is a PDF"
