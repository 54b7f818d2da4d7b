from pathlib import Path

import pytest

from model_build.data import dataset
from model_build.data.dataset import Dataset
from model_build.errors import DataError, SpecError
from tests.model_build.data.conftest import changed_spec

HEADER = "years,rate,grade,secured,paid,day,customer,count\n"
ROWS = [
    "1,1,A,true,no,2024-05-06,c7,2",
    "2,2,B,true,yes,2024-05-01,c8,1",
    "3,3,C,true,no,2024-06-01,c7,0.5",
]
BY = ("seed: 1}", "seed: 1, by: Day}")
GROUPS = ("seed: 1}", "seed: 1, groups: customer}")


def load(directory: Path, rows: list[str], *changes: tuple[str, str]) -> Dataset:
    (directory / "loans.csv").write_text(HEADER + "\n".join(rows) + "\n")
    spec = changed_spec(directory, *changes)
    raw, origin = dataset.fetch_rows(spec, "real", directory, pytest.fail)
    return dataset.build_dataset(dataset.clean(raw, spec, origin.uri)[0], spec)


def test_a_time_is_a_date_or_a_number(tmp_path: Path) -> None:
    times = load(tmp_path, ROWS, BY).carried.times
    assert times is not None
    assert ((times - times[0]) / 86_400).tolist() == [0, -5, 26]
    numbers = [row.replace("2024-05-", "").replace("2024-06-01", "1e2") for row in ROWS]
    times = load(tmp_path, numbers, BY).carried.times
    assert times is not None
    assert times.tolist() == [6, 1, 100]


def test_a_time_may_be_a_feature(tmp_path: Path) -> None:
    times = load(tmp_path, ROWS, ("seed: 1}", "seed: 1, by: years}")).carried.times
    assert times is not None
    assert times.tolist() == [1, 2, 3]
    feature = """
  - {name: opened, aliases: [day], type: datetime, format: "%d.%m.%y", parts: [month], title: Opened,
     example: 06.05.24}
target:"""
    rows = [row.replace("2024-05-06", "06.05.24").replace("2024-05-01", "07.05.24") for row in ROWS]
    rows = [row.replace("2024-06-01", "01.06.24") for row in rows]
    times = load(tmp_path, rows, ("\ntarget:", feature), ("seed: 1}", "seed: 1, by: opened}")).carried.times
    assert times is not None
    assert ((times - times[0]) / 86_400).tolist() == [0, 1, 26]


def test_a_group_is_any_text_and_may_be_an_id(tmp_path: Path) -> None:
    for ids in ("", "ids: [{name: customer}]\n"):
        groups = load(tmp_path, ROWS, GROUPS, ("estimator:", f"{ids}estimator:")).carried.groups
        assert groups is not None
        assert groups.tolist() == [0, 1, 0]


def test_a_weight_is_a_number(tmp_path: Path) -> None:
    weights = load(tmp_path, ROWS, ("estimator:", "weight: count\nestimator:")).carried.weights
    assert weights is not None
    assert weights.tolist() == [2, 1, 0.5]


def test_rows_are_taken_and_joined_with_what_they_carry(tmp_path: Path) -> None:
    data = load(tmp_path, ROWS, GROUPS, ("estimator:", "weight: count\nestimator:"))
    joined = data.take(data.labels.argsort()) + data
    assert joined.carried.groups is not None
    assert joined.carried.weights is not None
    assert joined.carried.groups.tolist() == [0, 0, 1, 0, 1, 0]
    assert joined.carried.weights.tolist() == [2, 0.5, 1, 2, 1, 0.5]
    assert joined.carried.times is None


@pytest.mark.parametrize(
    ("change", "row", "sentence"),
    [
        (
            BY,
            "4,3,C,true,no,,c7,1",
            "Day is missing in 1 row, the first of which is row 4, and split.by needs it. Fill it in, or "
            "remove the rows.",
        ),
        (
            BY,
            "4,3,C,true,no,May,c7,1",
            "Row 4: Day is 'May', which is neither a number nor a date in ISO 8601",
        ),
        (
            GROUPS,
            "4,3,C,true,no,1, ,1",
            "customer is missing in 1 row, the first of which is row 4, and split.groups needs it. Fill it "
            "in, or remove the rows.",
        ),
        *(
            (
                ("estimator:", "weight: count\nestimator:"),
                f"4,3,C,true,no,1,c,{weight}",
                f"Row 4: count is {weight!r}, which is no number above 0",
            )
            for weight in ("0", "-1", "many", "nan", "inf", "1_0")
        ),
    ],
)
def test_a_value_that_can_not_be_used_is_an_error(
    tmp_path: Path, change: tuple[str, str], row: str, sentence: str
) -> None:
    with pytest.raises(DataError) as caught:
        load(tmp_path, [*ROWS, row], change)
    assert str(caught.value) == sentence


def test_an_absent_column_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no column hour; it has years, rate"):
        load(tmp_path, ROWS, ("seed: 1}", "seed: 1, by: hour}"))


def test_rows_that_differ_in_their_group_are_no_duplicates(tmp_path: Path) -> None:
    rows = [ROWS[0], ROWS[0].replace("c7", "c9"), ROWS[0]]
    for change in (GROUPS, BY):
        assert len(load(tmp_path, rows, change).rows) == 2


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "test: 0.25, seed: 1",
            "seed: 1",
            "split.test: this key is required.",
        ),
        (
            "test: 0.25, seed: 1",
            "test: 0.25, seed: 1, file: test.csv",
            "split.test: the share of the rows, and file has test rows of its own: only one fits.",
        ),
        (
            "seed: 1}",
            "seed: 1, by: a, groups: b}",
            "split.groups: only one of by and groups can split the rows.",
        ),
        ("seed: 1}", "seed: 1, by: paid}", "split.by: the target 'paid' can't split the rows."),
        ("seed: 1}", "seed: 1, groups: paid}", "split.groups: the target 'paid' can't split the rows."),
        (
            "seed: 1}",
            "seed: 1, by: grade}",
            "split.by: grade is a category, and needs an order: that of time.",
        ),
        (
            "seed: 1}",
            "seed: 1, by: day}\ntraining: {search: {space: {max_iter: [5]}, repeats: 2}}",
            "leaves only one way to make folds.",
        ),
    ],
)
def test_a_contradiction_is_an_error(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    with pytest.raises(SpecError) as caught:
        changed_spec(tmp_path, (old, new))
    assert str(caught.value).endswith(sentence)
