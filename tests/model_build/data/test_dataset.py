from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model_build.artifacts import file_sha256
from model_build.data import dataset
from model_build.data.dataset import Dataset
from model_build.data.row_files import read_rows, write_rows
from model_build.errors import DataError, SourceError
from model_build.origin import Origin, SourceFile
from model_build.spec import model_spec
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import Reference
from model_build.spec.source import Source, SourceMode
from tests.model_build.data.conftest import GOOD, HEADER, Load, cleaning
from tests.support.bakes import rows_of


def test_rows_labels_origin_and_cleaning_are_returned(load: Load, tmp_path: Path) -> None:
    loaded = load(HEADER + "30,0,C,no,yes\n1,2.5,A,true,no\n2,n/a,?,FALSE,yes\n")
    file = SourceFile(name="loans.csv", rows=3, blank_rows=0, ignored_columns=())
    sha256 = file_sha256(tmp_path / "loans.csv")
    assert loaded.origin == Origin(source="real", uri="loans.csv", sha256=sha256, files=(file,))
    assert loaded.rows == [
        {"years": 30, "rate": 0, "grade": "C", "secured": False},
        {"years": 1, "rate": 2.5, "grade": "A", "secured": True},
        {"years": 2, "rate": None, "grade": None, "secured": False},
    ]
    assert loaded.labels == [1, 0, 1]
    assert loaded.cleaning == cleaning(3, rate=1, grade=1)


def test_first_of_duplicates_is_kept_in_the_order_of_the_file(load: Load) -> None:
    lines = [
        "3,1,A,true,no",
        "1,1,A,true,no",
        "3,1,A,true,no",
        "2,1,A,true,yes",
        "3,1,A,true,yes",
        "1,1,A,true,no",
    ]
    loaded = load(HEADER + "\n".join(lines))
    assert [row["years"] for row in loaded.rows] == [3, 1, 2, 3]
    assert loaded.labels == [0, 0, 1, 1]
    assert loaded.cleaning == cleaning(6, 3, 6)


def test_sum_of_two_sets_of_rows_has_the_rows_of_both_in_their_order(load: Load) -> None:
    first, second = load(HEADER + "1,1,A,true,no\n"), load(HEADER + "2,,B,false,yes\n3,1,A,true,no\n")
    total = Dataset(first.rows, np.array([0])) + Dataset(second.rows, np.array([1, 0]))
    assert [row["years"] for row in total.rows] == [1, 2, 3]
    assert total.labels.tolist() == [0, 1, 0]


def test_equal_values_are_duplicates_whatever_their_spelling(load: Load) -> None:
    assert len(load(HEADER + "1,2.5,A,true,no\n1, 2.50,A,1,no\n1,,A,true,no\n1,n/a,A,true,no\n").rows) == 2


def test_duplicates_stay_without_drop_duplicates(load: Load) -> None:
    loaded = load(
        HEADER + "1,1,A,true,no\n" * 9, ("licence: none", "licence: none\n  drop_duplicates: false")
    )
    assert len(loaded.rows) == 9
    assert loaded.cleaning == cleaning(9, *range(2, 10), rows=9)


def test_unknown_columns_are_ignored_and_reported(load: Load) -> None:
    loaded = load("Id,Zip Code," + HEADER + "7,8,1,2.5,A,true,no\n")
    assert loaded.rows == [{"years": 1, "rate": 2.5, "grade": "A", "secured": True}]
    assert loaded.cleaning.unknown_columns == ("id", "zip_code")


OR_MISSING = "or, when missing, null or"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("1,1,D,true,no", f"Row 3: grade is 'D'; it must be one of A, B, C; {OR_MISSING} ?."),
        ("1,1,a,true,no", f"Row 3: grade is 'a'; it must be one of A, B, C; {OR_MISSING} ?."),
        ("31,1,A,true,no", "Row 3: years is 31; it must be a whole number from 1 to 30."),
        ("1.5,1,A,true,no", "Row 3: years is 1.5; it must be a whole number from 1 to 30."),
        ("one,1,A,true,no", "Row 3: years is 'one'; it must be a whole number from 1 to 30."),
        (",1,A,true,no", "Row 3: years is missing; it must be a whole number from 1 to 30."),
        ("n/a,1,A,true,no", "Row 3: years is 'n/a'; it must be a whole number from 1 to 30."),
        ("1,20.01,A,true,no", f"Row 3: rate is 20.01; it must be a number from 0 to 20; {OR_MISSING} n/a."),
        ("1,abc,A,true,no", f"Row 3: rate is 'abc'; it must be a number from 0 to 20; {OR_MISSING} n/a."),
        ("1,nan,A,true,no", f"Row 3: rate is 'nan'; it must be a number from 0 to 20; {OR_MISSING} n/a."),
        ("1,inf,A,true,no", f"Row 3: rate is 'inf'; it must be a number from 0 to 20; {OR_MISSING} n/a."),
        ("1,?,A,true,no", f"Row 3: rate is '?'; it must be a number from 0 to 20; {OR_MISSING} n/a."),
        ("1,1,A,2,no", "Row 3: secured is '2'; it must be true or false."),
        ("1,1,A,,no", "Row 3: secured is missing; it must be true or false."),
        ("1,1,A,true,maybe", "Row 3: paid is 'maybe'; it must be one of no, yes."),
        ("1,1,A,true,", "Row 3: paid is ''; it must be one of no, yes."),
        (
            "31,1,A,true,no\n32,1,A,true,no",
            "Row 3: years is 31; it must be a whole number from 1 to 30. (1 more)",
        ),
        (
            "\n".join(f"{years},1,A,true,no" for years in range(31, 200)),
            "Row 3: years is 31; it must be a whole number from 1 to 30. (at least 99 more)",
        ),
    ],
)
def test_value_that_a_request_may_not_hold_is_an_error(load: Load, line: str, sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        load(f"{HEADER}{GOOD}{line}\n")
    assert str(caught.value) == sentence


def test_row_number_of_an_error_counts_duplicates(load: Load) -> None:
    with pytest.raises(DataError) as caught:
        load(HEADER + "1,1,A,true,no\n" * 4 + "31,1,A,true,no\n")
    assert str(caught.value) == "Row 5: years is 31; it must be a whole number from 1 to 30."


def test_header_without_rows_is_an_error(load: Load) -> None:
    with pytest.raises(DataError) as caught:
        load(HEADER)
    assert str(caught.value) == "There are no rows."


# ---- real and synthetic rows

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


def test_auto_without_real_data_warns_and_generates_rows(adults: ModelSpec, tmp_path: Path) -> None:
    warnings: list[str] = []
    raw, origin = dataset.fetch_rows(adults, "auto", tmp_path, warnings.append)
    assert warnings == [
        f"No real data: first.csv is not a file in {tmp_path}; second.csv is not a file in {tmp_path}\n"
        "THE MODEL WILL BE TRAINED ON SYNTHETIC DATA. Do not release it."
    ]
    assert origin == Origin(source="synthetic", uri="synthetic:census?rows=200&seed=3", sha256=None)
    assert raw.equals(dataset.fetch_rows(adults, "synthetic", tmp_path, pytest.fail)[0])


def test_real_without_real_data_is_an_error(adults: ModelSpec, tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        dataset.fetch_rows(adults, "real", tmp_path, pytest.fail)
    assert str(caught.value) == (
        f"first.csv is not a file in {tmp_path}; second.csv is not a file in {tmp_path}"
    )


def test_auto_without_real_data_and_generator_is_an_error(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        dataset.fetch_rows(tiny_spec, "auto", tmp_path, pytest.fail)
    assert str(caught.value) == f"loans.csv is not a file in {tmp_path}"


def test_synthetic_without_a_generator_is_an_error(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        dataset.fetch_rows(tiny_spec, "synthetic", tmp_path, pytest.fail)
    assert str(caught.value) == "tiny declares no synthetic generator (data.synthetic)."


@pytest.mark.parametrize("source_mode", ["auto", "real"])
def test_first_source_that_answers_is_used_without_a_warning(
    adults: ModelSpec, tmp_path: Path, source_mode: SourceMode
) -> None:
    (tmp_path / "second.csv").write_text("age,sex,salary\n40,Male,>50K\n")
    raw, origin = dataset.fetch_rows(adults, source_mode, tmp_path, pytest.fail)
    assert (origin.source, origin.uri, raw["age"].tolist()) == ("real", "second.csv", ["40"])
    (tmp_path / "first.csv").write_text("age,sex,salary\n41,Female,>50K\n")
    raw, origin = dataset.fetch_rows(adults, source_mode, tmp_path, pytest.fail)
    assert (origin.source, origin.uri, raw["age"].tolist()) == ("real", "first.csv", ["41"])


def test_auto_with_invalid_real_data_is_an_error(adults: ModelSpec, tmp_path: Path) -> None:
    (tmp_path / "first.csv").write_text("age,sex,salary\n200,Male\n")
    (tmp_path / "second.csv").write_text("age,sex,salary\n40,Male,>50K\n")
    with pytest.raises(DataError) as caught:
        dataset.fetch_rows(adults, "auto", tmp_path, pytest.fail)
    assert (
        str(caught.value)
        == f"{tmp_path / 'first.csv'} is not a CSV file: At line 2: Has 2 cells where the header has 3."
    )


def test_synthetic_never_reads_a_source(
    adults: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(*_: object) -> None:
        pytest.fail("a source was read")

    monkeypatch.setattr(dataset, "read_source", fetch)
    (tmp_path / "first.csv").write_text("age,sex,salary\n40,Male,>50K\n")
    assert dataset.fetch_rows(adults, "synthetic", tmp_path, pytest.fail)[1].source == "synthetic"
    loaded = rows_of(adults, "synthetic", tmp_path)
    assert {name for row in loaded.rows for name in row} == {"age", "sex"}
    assert set(loaded.labels.tolist()) == {0, 1}


# ---- the census file with and without a header

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
    loaded = rows_of(model_spec.load("census"), "real", tmp_path)
    first, *others = loaded.rows
    assert list(first.items()) == list(FIRST_CENSUS_ROW.items())
    shown = [" ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in row.values()) for row in others]
    assert "\n".join(shown) == OTHER_CENSUS_ROWS
    assert loaded.labels.tolist() == [0, 1, 1]


# ---- between the stages


def test_written_rows_are_read_back_with_their_numbers(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    text = HEADER + GOOD + "1,2.5,A,true,no\n30,n/a,?,no,yes\n7,nan,Z,2,maybe\n,,,,\n8, ,,,no\n"
    (tmp_path / "loans.csv").write_text(text)
    raw, origin = dataset.fetch_rows(tiny_spec, "real", tmp_path, pytest.fail)
    write_rows(raw, tmp_path / "raw.parquet")
    assert read_rows(tmp_path / "raw.parquet").equals(raw.astype(object))
    frame, cleaned = dataset.clean(raw, tiny_spec, origin.uri)
    write_rows(frame, tmp_path / "clean.parquet")
    loaded = dataset.read_clean(tmp_path / "clean.parquet", tiny_spec)
    assert loaded.index.tolist() == [1, 2, 4, 5, 6]
    assert loaded.to_dict("records") == frame.to_dict("records")
    assert loaded.loc[4].tolist() == [30, None, None, False, "yes"]
    assert loaded.loc[5].tolist() == [7, "nan", "Z", "2", "maybe"]
    assert loaded.loc[6].tolist() == [8, None, None, None, "no"]
    assert cleaned.missing == {"years": 0, "rate": 2, "grade": 2, "secured": 1}


def test_rows_of_a_file_are_kept_until_the_file_or_the_spec_changes(
    tiny_spec: ModelSpec, tmp_path: Path
) -> None:
    path = tmp_path / "train.parquet"
    row = {"years": 1.0, "rate": 2.5, "grade": "A", "secured": True, "paid": "no"}
    write_rows(pd.DataFrame([row], dtype=object), path)
    first = dataset.read_dataset(path, tiny_spec)
    assert dataset.read_dataset(path, tiny_spec) is first
    assert first.rows == [{"years": 1, "rate": 2.5, "grade": "A", "secured": True}]
    target = tiny_spec.target.model_copy(update={"labels": ("yes", "no")})
    changed = dataset.read_dataset(path, tiny_spec.model_copy(update={"target": target}))
    assert (first.labels.tolist(), changed.labels.tolist()) == ([0], [1])
    write_rows(pd.DataFrame([row | {"years": 2.0}], dtype=object), path)
    assert [row["years"] for row in dataset.read_dataset(path, tiny_spec).rows] == [2]


BEFORE = Reference(source=Source(uri="before.csv"))


def test_reference_is_read_from_its_source(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    (tmp_path / "before.csv").write_text(HEADER + GOOD)
    assert dataset.fetch_reference(tiny_spec, BEFORE, tmp_path)["grade"].tolist() == ["A", "B"]


def test_reference_without_rows_is_an_error(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    (tmp_path / "before.csv").write_text(HEADER)
    with pytest.raises(DataError) as caught:
        dataset.fetch_reference(tiny_spec, BEFORE, tmp_path)
    assert str(caught.value) == f"{tmp_path / 'before.csv'} has no rows."


def test_reference_without_a_source_is_generated(adults: ModelSpec, tmp_path: Path) -> None:
    loaded = dataset.fetch_reference(adults, Reference(), tmp_path)
    assert loaded["age"].tolist() == [row["age"] for row in rows_of(adults, "synthetic", tmp_path).rows]


def test_labels_of_a_file_are_read_as_the_numbers_that_they_are(tiny_spec: ModelSpec) -> None:
    target = tiny_spec.target.model_copy(update={"labels": ("0", "1"), "positive": "1"})
    spec = tiny_spec.model_copy(update={"target": target})
    raw = pd.DataFrame({"duration_years": ["1", "2"], "rate": ["1", "2"], "grade": ["A", "B"]})
    raw = raw.assign(secured=["yes", "0.0"], paid=["1.0", "0"])
    frame, _ = dataset.clean(raw, spec, "loans.csv")
    assert frame["paid"].tolist() == ["1", "0"]
