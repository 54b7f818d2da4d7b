import pytest

from model_build.drafting.cells import Cells, count_cells
from model_build.drafting.target import draft_target, find_target, guess_target
from model_build.errors import DataError

AGES = count_cells(map(str, range(100)))
ANSWERS = count_cells(["no"] * 60 + ["yes"] * 30)


def table(**columns: Cells) -> dict[str, Cells]:
    return columns


def test_a_usual_name_is_guessed_before_the_last_column() -> None:
    assert guess_target(table(Churn=ANSWERS, age=AGES, plan=ANSWERS)) == "Churn"
    assert guess_target(table(plan=ANSWERS, age=AGES, left=ANSWERS)) == "left"


def test_a_column_that_can_be_no_target_is_not_guessed() -> None:
    assert guess_target(table(left=ANSWERS, target=AGES)) == "left"


def test_a_target_is_found_in_any_spelling() -> None:
    assert find_target(table(**{"Has Left": ANSWERS}), "has_left") == "Has Left"
    with pytest.raises(DataError, match=r"^The table has no column gone; it has left\.$"):
        find_target(table(left=ANSWERS), "gone")
    with pytest.raises(DataError, match=r"no column lefd \(did you mean 'left'\?\); it has left\.$"):
        find_target(table(left=ANSWERS), "lefd")


@pytest.mark.parametrize(
    ("cells", "positive"),
    [
        (["no"] * 20 + ["yes"] * 60, "yes"),
        (["0"] * 20 + ["1"] * 60, "1"),
        (["good"] * 20 + ["worse"] * 60, "good"),
    ],
)
def test_the_positive_label_is_a_usual_one_or_the_rarer(cells: list[str], positive: str) -> None:
    target = draft_target("x", count_cells(cells))
    assert (target.positive, target.labels[-1]) == (positive, positive)


def test_more_than_two_labels_have_no_positive_one() -> None:
    target = draft_target("x", count_cells([*"abc"] * 10 + [""] * 5))
    assert (target.labels, target.positive, target.missing) == (("a", "b", "c"), None, 5)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (["a"] * 20, "it has fewer than two labels."),
        (
            map(str, range(100)),
            "it has 100 different numbers, and this product classifies. Make classes of them.",
        ),
        ([f"label {number}" for number in range(60)] * 10, "it has 60 labels; at most 50 are possible."),
        (
            ["a"] * 20 + ["b"] * 9,
            "1 label (b) of 2 with fewer than 10 rows.",
        ),
    ],
)
def test_a_column_that_can_be_no_target_is_an_error(cells: list[str], reason: str) -> None:
    with pytest.raises(DataError) as caught:
        draft_target("x", count_cells(cells))
    assert str(caught.value) == f"x can't be the target: {reason}"


def test_rare_numbers_are_merged_with_the_nearest() -> None:
    target = draft_target("quality", count_cells(["3"] * 2 + ["4"] * 20 + ["5"] * 30 + ["6"] * 15 + ["9"]))
    assert (target.labels, target.merge, target.missing) == (("4", "5", "6"), {"4": ["3"], "6": ["9"]}, 0)
    assert target.share == 16 / 68


def test_rare_texts_become_one_label_if_they_are_enough() -> None:
    cells = ["good"] * 20 + ["bad"] * 30 + ["a"] * 6 + ["b"] * 5
    target = draft_target("x", count_cells(cells))
    assert (target.labels, target.merge) == (("bad", "good", "other"), {"other": ["a", "b"]})
    few = draft_target("x", count_cells(cells[:-6]))
    assert (few.labels, few.positive, few.merge, few.missing) == (("good", "bad"), "bad", {}, 5)


def test_a_column_without_rare_labels_is_guessed_before_others() -> None:
    assert guess_target(table(left=ANSWERS, city=count_cells(["a"] * 60 + ["b"] * 30 + ["c"] * 3))) == "left"


def test_a_positive_label_that_the_column_lacks_is_an_error() -> None:
    with pytest.raises(DataError, match=r"^x has no label maybe; it has no and yes\.$"):
        draft_target("x", ANSWERS, "maybe")
