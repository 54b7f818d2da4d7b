from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from app.core.features import Row
from model_build.artifacts import Cleaning, Origin, file_sha256
from model_build.data import dataset, sources
from model_build.errors import DataError, SourceError
from model_build.spec import model_spec
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import Reference
from model_build.spec.source import Source, SourceMode
from tests.conftest import TINY, rows_of

HEADER = "years,rate,grade,secured,paid\n"
GOOD = "1,2.5,A,true,no\n2,3,B,false,yes\n"


class Found(NamedTuple):
    origin: Origin
    cleaning: Cleaning
    rows: Sequence[Row]
    labels: Sequence[int]


Read = Callable[..., Found]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Return a function that loads the rows of a file under the tiny spec, changed."""

    def load(text: str, *changes: tuple[str, str]) -> Found:
        (tmp_path / "loans.csv").write_text(text)
        changed = tiny(tmp_path, *changes)
        raw, origin = dataset.fetch_rows(changed, "real", tmp_path, pytest.fail)
        frame, cleaning = dataset.clean(raw, changed, origin.uri)
        found = dataset.build_dataset(frame, changed)
        return Found(origin, cleaning, found.rows, found.labels.tolist())

    return load


def tiny(tmp_path: Path, *changes: tuple[str, str]) -> ModelSpec:
    text = TINY
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    path = tmp_path / "tiny.yaml"
    path.write_text(text)
    return model_spec.load(str(path))


def cleaning(read: int, *duplicates: int, rows: int | None = None, **missing: int) -> Cleaning:
    """Return what is told of a file whose rows of these numbers are duplicates."""
    return Cleaning(
        rows_read=read,
        rows=read - len(duplicates) if rows is None else rows,
        duplicates=len(duplicates),
        duplicate_rows=duplicates[:5],
        unknown_columns=(),
        missing={"years": 0, "rate": 0, "grade": 0, "secured": 0} | missing,
    )


def columns(*names: str) -> tuple[str, str]:
    return "licence: none", f"licence: none\n  columns: [{', '.join(names)}]"


def test_rows_labels_and_where_they_come_from(read: Read, tmp_path: Path) -> None:
    found = read(HEADER + "30,0,C,no,yes\n1,2.5,A,true,no\n2,n/a,?,FALSE,yes\n")
    assert found.origin == Origin(source="real", uri="loans.csv", sha256=file_sha256(tmp_path / "loans.csv"))
    assert found.rows == [
        {"years": 30, "rate": 0, "grade": "C", "secured": False},
        {"years": 1, "rate": 2.5, "grade": "A", "secured": True},
        {"years": 2, "rate": None, "grade": None, "secured": False},
    ]
    assert found.labels == [1, 0, 1]
    assert found.cleaning == cleaning(3, rate=1, grade=1)


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
def test_the_same_rows_are_read_however_they_are_written(read: Read, text: str) -> None:
    found = read(text)
    assert found.rows == [
        {"years": 1, "rate": 2.5, "grade": "A", "secured": True},
        {"years": 2, "rate": None, "grade": "B", "secured": False},
    ]
    assert found.labels == [0, 1]
    assert found.cleaning == cleaning(2, rate=1)


def test_a_file_without_a_header_line_has_the_columns_of_the_spec(read: Read) -> None:
    found = read(
        "no,1,2.5,A,true\nyes,2,3,B,false\n", columns("paid", "duration-years", "rate", "grade", "secured")
    )
    assert found.rows == [
        {"years": 1, "rate": 2.5, "grade": "A", "secured": True},
        {"years": 2, "rate": 3, "grade": "B", "secured": False},
    ]
    assert found.labels == [0, 1]


def test_a_header_line_goes_before_the_columns_of_the_spec(read: Read) -> None:
    text = "paid,years,rate,grade,secured\nno,1,2.5,A,true\n"
    found = read(text, columns("years", "rate", "grade", "secured", "paid"))
    assert found.rows == [{"years": 1, "rate": 2.5, "grade": "A", "secured": True}]


def test_the_order_of_the_file_is_kept_and_the_first_of_duplicates(read: Read) -> None:
    lines = [
        "3,1,A,true,no",
        "1,1,A,true,no",
        "3,1,A,true,no",
        "2,1,A,true,yes",
        "3,1,A,true,yes",
        "1,1,A,true,no",
    ]
    found = read(HEADER + "\n".join(lines))
    assert [row["years"] for row in found.rows] == [3, 1, 2, 3]
    assert found.labels == [0, 0, 1, 1]
    assert found.cleaning == cleaning(6, 3, 6)


def test_rows_are_duplicates_by_their_values_not_by_their_spelling(read: Read) -> None:
    assert len(read(HEADER + "1,2.5,A,true,no\n1, 2.50,A,1,no\n1,,A,true,no\n1,n/a,A,true,no\n").rows) == 2


def test_duplicates_stay_if_the_spec_says_so(read: Read) -> None:
    found = read(HEADER + "1,1,A,true,no\n" * 9, ("licence: none", "licence: none\n  drop_duplicates: false"))
    assert len(found.rows) == 9
    assert found.cleaning == cleaning(9, *range(2, 10), rows=9)


def test_columns_that_are_not_in_the_spec_are_left_out_and_reported(read: Read) -> None:
    found = read("Id,Zip Code," + HEADER + "7,8,1,2.5,A,true,no\n")
    assert found.rows == [{"years": 1, "rate": 2.5, "grade": "A", "secured": True}]
    assert found.cleaning.unknown_columns == ("id", "zip_code")


WITH_GAPS = "or, when missing, null or"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("1,1,D,true,no", f"grade 'D' in row 3; it must be one of A, B, C; {WITH_GAPS} ?."),
        ("1,1,a,true,no", f"grade 'a' in row 3; it must be one of A, B, C; {WITH_GAPS} ?."),
        ("31,1,A,true,no", "years 31 in row 3; it must be a whole number from 1 to 30."),
        ("1.5,1,A,true,no", "years 1.5 in row 3; it must be a whole number from 1 to 30."),
        ("one,1,A,true,no", "years 'one' in row 3; it must be a whole number from 1 to 30."),
        (",1,A,true,no", "years None in row 3; it must be a whole number from 1 to 30."),
        ("n/a,1,A,true,no", "years 'n/a' in row 3; it must be a whole number from 1 to 30."),
        ("1,20.01,A,true,no", f"rate 20.01 in row 3; it must be a number from 0 to 20; {WITH_GAPS} n/a."),
        ("1,abc,A,true,no", f"rate 'abc' in row 3; it must be a number from 0 to 20; {WITH_GAPS} n/a."),
        ("1,nan,A,true,no", f"rate 'nan' in row 3; it must be a number from 0 to 20; {WITH_GAPS} n/a."),
        ("1,inf,A,true,no", f"rate 'inf' in row 3; it must be a number from 0 to 20; {WITH_GAPS} n/a."),
        ("1,?,A,true,no", f"rate '?' in row 3; it must be a number from 0 to 20; {WITH_GAPS} n/a."),
        ("1,1,A,2,no", "secured '2' in row 3; it must be true or false."),
        ("1,1,A,,no", "secured None in row 3; it must be true or false."),
        ("1,1,A,true,maybe", "paid 'maybe'; allowed are no, yes."),
        ("1,1,A,true,", "paid ''; allowed are no, yes."),
        (
            "31,1,A,true,no\n32,1,A,true,no",
            "years 31 in row 3; it must be a whole number from 1 to 30. (1 more)",
        ),
    ],
)
def test_a_value_that_a_request_may_not_hold_is_an_error(read: Read, line: str, sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        read(f"{HEADER}{GOOD}{line}\n")
    assert str(caught.value) == f"There is {sentence}"


def test_the_row_of_an_error_is_counted_before_duplicates_are_dropped(read: Read) -> None:
    with pytest.raises(DataError) as caught:
        read(HEADER + "1,1,A,true,no\n" * 4 + "31,1,A,true,no\n")
    assert str(caught.value) == "There is years 31 in row 5; it must be a whole number from 1 to 30."


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
def test_a_file_that_does_not_hold_the_columns_is_an_error(
    read: Read, tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(DataError) as caught:
        read(text)
    assert str(caught.value) == f"{tmp_path / 'loans.csv'}{sentence}"


def test_a_file_with_neither_a_header_line_nor_the_columns_of_the_spec_is_an_error(
    read: Read, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as caught:
        read("1;1;A;true;no\n", columns("years", "rate", "grade", "secured", "paid"))
    assert str(caught.value) == (
        f"{tmp_path / 'loans.csv'} has no header line with 'paid', and 1 column where data.columns names 5"
    )


def test_a_file_with_only_a_header_line_has_no_rows(read: Read) -> None:
    with pytest.raises(DataError) as caught:
        read(HEADER)
    assert str(caught.value) == "There are no rows."


def test_a_file_that_is_not_text_is_an_error(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    path = tmp_path / "loans.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError) as caught:
        dataset.fetch_rows(tiny_spec, "real", tmp_path, pytest.fail)
    assert str(caught.value) == (
        f"{path} is not a CSV file: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"
    )


# Real and synthetic

SYNTHETIC = """
name: adults
title: Adults
version: 1.0.0
description: From the sources, or from the generator.
data:
  sources: [{uri: first.csv}, {uri: second.csv}]
  synthetic: {generator: census, rows: 200, seed: 3}
  licence: none
features:
  - {name: age, type: integer, minimum: 0, maximum: 120, title: Age, example: 30}
  - {name: sex, type: category, categories: [Female, Male], title: Sex, example: Male}
target: {name: salary, labels: ["<=50K", ">50K"], positive: ">50K"}
split: {test: 0.5, seed: 1}
estimator: {name: decision_tree}
"""


@pytest.fixture
def adults(tmp_path: Path) -> ModelSpec:
    path = tmp_path / "adults.yaml"
    path.write_text(SYNTHETIC)
    return model_spec.load(str(path))


def test_without_real_data_auto_warns_and_takes_synthetic_rows(adults: ModelSpec, tmp_path: Path) -> None:
    warnings: list[str] = []
    raw, origin = dataset.fetch_rows(adults, "auto", tmp_path, warnings.append)
    assert warnings == [
        f"No real data: first.csv is not a file in {tmp_path}; second.csv is not a file in {tmp_path}\n"
        "THE MODEL WILL BE TRAINED ON SYNTHETIC DATA. Do not release it."
    ]
    assert origin == Origin(source="synthetic", uri="synthetic:census?rows=200&seed=3", sha256=None)
    assert raw.equals(dataset.fetch_rows(adults, "synthetic", tmp_path, pytest.fail)[0])


def test_real_is_an_error_without_real_data(adults: ModelSpec, tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        dataset.fetch_rows(adults, "real", tmp_path, pytest.fail)
    assert str(caught.value) == (
        f"first.csv is not a file in {tmp_path}; second.csv is not a file in {tmp_path}"
    )


def test_auto_is_an_error_without_real_data_and_without_a_generator(
    tiny_spec: ModelSpec, tmp_path: Path
) -> None:
    with pytest.raises(SourceError) as caught:
        dataset.fetch_rows(tiny_spec, "auto", tmp_path, pytest.fail)
    assert str(caught.value) == f"loans.csv is not a file in {tmp_path}"


def test_synthetic_is_an_error_without_a_generator(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        dataset.fetch_rows(tiny_spec, "synthetic", tmp_path, pytest.fail)
    assert str(caught.value) == "tiny declares no synthetic generator (data.synthetic)."


@pytest.mark.parametrize("wanted", ["auto", "real"])
def test_the_first_source_that_answers_is_taken_without_a_warning(
    adults: ModelSpec, tmp_path: Path, wanted: SourceMode
) -> None:
    (tmp_path / "second.csv").write_text("age,sex,salary\n40,Male,>50K\n")
    raw, origin = dataset.fetch_rows(adults, wanted, tmp_path, pytest.fail)
    assert (origin.source, origin.uri, raw["age"].tolist()) == ("real", "second.csv", ["40"])
    (tmp_path / "first.csv").write_text("age,sex,salary\n41,Female,>50K\n")
    raw, origin = dataset.fetch_rows(adults, wanted, tmp_path, pytest.fail)
    assert (origin.source, origin.uri, raw["age"].tolist()) == ("real", "first.csv", ["41"])


def test_auto_does_not_hide_real_data_that_are_wrong(adults: ModelSpec, tmp_path: Path) -> None:
    (tmp_path / "first.csv").write_text("age,sex,salary\n200,Male\n")
    (tmp_path / "second.csv").write_text("age,sex,salary\n40,Male,>50K\n")
    with pytest.raises(DataError) as caught:
        dataset.fetch_rows(adults, "auto", tmp_path, pytest.fail)
    assert str(caught.value) == f"{tmp_path / 'first.csv'} is not a CSV file: line 2 has 2 cells, not 3"


def test_synthetic_never_touches_the_sources(
    adults: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(*_: object) -> None:
        pytest.fail("a source was asked")

    monkeypatch.setattr(sources, "fetch_source", fetch)
    (tmp_path / "first.csv").write_text("age,sex,salary\n40,Male,>50K\n")
    assert dataset.fetch_rows(adults, "synthetic", tmp_path, pytest.fail)[1].source == "synthetic"
    found = rows_of(adults, "synthetic", tmp_path)
    assert {name for row in found.rows for name in row} == {"age", "sex"}
    assert set(found.labels.tolist()) == {0, 1}


# The census file in both of its forms

CENSUS = """
age, workclass, fnlgt, education, education-num, marital-status, occupation, relationship, race, sex, \
capital-gain, capital-loss, hours-per-week, native-country, salary
39, State-gov, 77516, Bachelors, 13, Never-married, Adm-clerical, Not-in-family, White, Male, \
2174, 0, 40, United-States, <=50K
54, ?, 180211, Some-college, 10, Married-civ-spouse, ?, Husband, Asian-Pac-Islander, Male, \
0, 0, 60, South, >50K
38, Private, 19847, Prof-school, 15, Divorced, Prof-specialty, Unmarried, White, Female, \
0, 1902, 45, ?, >50K
""".strip()
FIRST_CENSUS_ROW = {
    "age": 39,
    "workclass": "State-gov",
    "fnlgt": 77516,
    "education": "Bachelors",
    "education_num": 13,
    "marital_status": "Never-married",
    "occupation": "Adm-clerical",
    "relationship": "Not-in-family",
    "race": "White",
    "sex": "Male",
    "capital_gain": 2174,
    "capital_loss": 0,
    "hours_per_week": 40,
    "native_country": "United-States",
}
OTHER_CENSUS_ROWS = """
54 None 180211 Some-college 10 Married-civ-spouse None Husband Asian-Pac-Islander Male 0 0 60 South
38 Private 19847 Prof-school 15 Divorced Prof-specialty Unmarried White Female 0 1902 45 None
""".strip()


@pytest.mark.parametrize("header", [True, False], ids=["census.csv", "adult.data"])
def test_both_forms_of_the_census_file_give_the_same_rows(tmp_path: Path, header: bool) -> None:
    text = CENSUS if header else CENSUS.partition("\n")[2]
    (tmp_path / "census.csv").write_text(text + "\n\n")
    found = rows_of(model_spec.load("census"), "real", tmp_path)
    first, *others = found.rows
    assert list(first.items()) == list(FIRST_CENSUS_ROW.items())
    shown = [" ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in row.values()) for row in others]
    assert "\n".join(shown) == OTHER_CENSUS_ROWS
    assert found.labels.tolist() == [0, 1, 1]


# Between the stages


def test_rows_are_read_as_they_were_written_with_their_numbers(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    text = HEADER + GOOD + "1,2.5,A,true,no\n30,n/a,?,no,yes\n7,nan,Z,2,maybe\n,,,,\n8, ,,,no\n"
    (tmp_path / "loans.csv").write_text(text)
    raw, origin = dataset.fetch_rows(tiny_spec, "real", tmp_path, pytest.fail)
    dataset.write(raw, tmp_path / "raw.csv")
    assert dataset.read(tmp_path / "raw.csv").equals(raw)
    frame, cleaned = dataset.clean(raw, tiny_spec, origin.uri)
    dataset.write(frame, tmp_path / "clean.csv")
    found = dataset.read_clean(tmp_path / "clean.csv", tiny_spec)
    assert found.index.tolist() == [1, 2, 4, 5, 6]
    assert found.to_dict("records") == frame.to_dict("records")
    assert found.loc[4].tolist() == [30, None, None, False, "yes"]
    assert found.loc[5].tolist() == [7, "nan", "Z", "2", "maybe"]
    assert found.loc[6].tolist() == [8, None, None, None, "no"]
    assert cleaned.missing == {"years": 0, "rate": 2, "grade": 2, "secured": 1}


BEFORE = Reference(source=Source(uri="before.csv"))


def test_the_reference_is_the_file_that_the_spec_names(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    (tmp_path / "before.csv").write_text(HEADER + GOOD)
    assert dataset.fetch_reference(tiny_spec, BEFORE, tmp_path)["grade"].tolist() == ["A", "B"]


def test_a_reference_without_rows_is_an_error(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    (tmp_path / "before.csv").write_text(HEADER)
    with pytest.raises(DataError) as caught:
        dataset.fetch_reference(tiny_spec, BEFORE, tmp_path)
    assert str(caught.value) == f"{tmp_path / 'before.csv'} has no rows."


def test_without_a_source_the_reference_is_the_generators(adults: ModelSpec, tmp_path: Path) -> None:
    found = dataset.fetch_reference(adults, Reference(), tmp_path)
    assert found["age"].tolist() == [row["age"] for row in rows_of(adults, "synthetic", tmp_path).rows]
