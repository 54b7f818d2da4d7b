import json
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from app.core.contract import Target


@pytest.mark.parametrize("labels", [("no", "yes"), ("yes", "no")])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_positive_label_is_chosen_from_exactly_its_threshold(
    labels: tuple[str, str], kind: type[np.floating[Any]]
) -> None:
    target = Target(name="paid", labels=labels, positive="yes", threshold=0.6)
    below = np.nextafter(np.float32(0.6), np.float32(0))
    noisy = 0.6 - 1e-12  # the same number in float32, in which it is served
    yes = np.array([0.0, 0.5, below, noisy, 0.6, 0.61, 1.0], dtype=kind)
    columns = [1 - yes, yes] if labels[1] == "yes" else [yes, 1 - yes]
    matrix = np.stack(columns, axis=1)
    chosen = [labels[position] for position in target.decide(matrix)]
    assert chosen == ["no", "no", "no", "yes", "yes", "yes", "yes"]
    assert [labels[row] for row in target.decide_rows(matrix.astype(np.float32).tolist())] == chosen


def test_most_probable_of_three_labels_is_chosen_and_the_first_of_equals() -> None:
    target = Target(name="risk", labels=("low", "mid", "high"))
    probabilities = np.array([[0.2, 0.3, 0.5], [0.4, 0.4, 0.2], [0.1, 0.8, 0.1]], dtype=np.float32)
    assert target.decide(probabilities).tolist() == [2, 0, 1]
    assert target.decide_rows(probabilities.tolist()) == [2, 0, 1]


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.5, 0.7, 1 / 3])
def test_lists_are_decided_as_arrays(threshold: float) -> None:
    target = Target(name="paid", labels=("no", "yes"), positive="yes", threshold=threshold)
    exact = np.float32(threshold)
    yes = np.array(
        [exact, np.nextafter(exact, np.float32(0)), np.nextafter(exact, np.float32(1)), 0, 1], np.float32
    )
    matrix = np.stack([1 - yes, yes], axis=1)
    assert target.decide_rows(matrix.tolist()) == target.decide(matrix).tolist()


@pytest.mark.parametrize(
    ("labels", "positive", "is_binary", "positive_index"),
    [
        (("no", "yes"), "yes", True, 1),
        (("yes", "no"), "yes", True, 0),
        (("low", "mid", "high"), None, False, 2),
    ],
)
def test_score_is_about_the_positive_label_or_else_the_last(
    labels: tuple[str, ...], positive: str | None, is_binary: bool, positive_index: int
) -> None:
    target = Target(name="paid", labels=labels, positive=positive)
    assert (target.is_binary, target.positive_index) == (is_binary, positive_index)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"labels": ("no", "no"), "positive": "no"}, "Value error, every label may appear only once"),
        ({"labels": ("no", "yes")}, "Value error, positive must be one of the labels: no, yes"),
        (
            {"labels": ("low", "mid", "high"), "positive": "high"},
            "Value error, a positive label is for two labels only",
        ),
        ({"labels": ("yes",)}, "Tuple should have at least 2 items after validation, not 1"),
        (
            {"labels": ("no", "yes"), "positive": "yes", "threshold": 0.0},
            "Input should be greater than 0",
        ),
        ({"labels": ("no", "yes"), "positive": "yes", "threshold": 1.0}, "Input should be less than 1"),
    ],
)
def test_error_in_a_target_is_named(declared: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Target.model_validate({"name": "paid"} | declared)
    assert [error["msg"] for error in refused.value.errors()] == [message]


@pytest.mark.parametrize(
    ("labels", "text", "label"),
    [
        (["0", "1"], "1.0", "1"),
        (["0", "1"], "0", "0"),
        (["0", "1"], "2.0", "2.0"),
        (["1", "1.0"], "1.0", "1.0"),
        (["false", "true"], "True", "true"),
        (["no", "yes"], "Yes", "Yes"),
    ],
)
def test_a_cell_means_the_label_that_it_can_only_mean(labels: list[str], text: str, label: str) -> None:
    target = Target(name="y", labels=tuple(labels), positive=labels[1])
    assert target.read_label(text) == label


def test_labels_may_be_numbers_or_booleans_and_at_most_fifty() -> None:
    target = Target.model_validate_json('{"name": "y", "labels": [0, 1], "positive": 1}')
    assert (target.labels, target.positive) == (("0", "1"), "1")
    with pytest.raises(ValueError, match="at most 50 labels are possible"):
        Target(name="y", labels=tuple(map(str, range(51))))


CAR = {"name": "class", "labels": ["unacc", "accepted"], "positive": "accepted"}


@pytest.mark.parametrize(
    ("text", "label"),
    [("acc", "accepted"), ("good", "accepted"), ("accepted", "accepted"), ("unacc", "unacc"), ("ACC", "ACC")],
)
def test_a_merged_label_means_the_label_that_it_stands_for(text: str, label: str) -> None:
    target = Target.model_validate(CAR | {"merge": {"accepted": ["acc", "good"]}}, strict=False)
    assert target.read_label(text) == label
    assert list(target.meanings) == ["unacc", "accepted", "acc", "good"]


def test_merged_labels_may_be_numbers() -> None:
    text = '{"name": "y", "labels": [0, 1], "positive": 1, "merge": {"1": [1, 2, 3]}}'
    target = Target.model_validate_json(text)
    assert [target.read_label(cell) for cell in ("0.0", "1", "2.0", "3", "4")] == ["0", "1", "1", "1", "4"]


@pytest.mark.parametrize(
    ("merge", "message"),
    [
        ({"good": ["acc"]}, "merge has 'good'; the labels are unacc, accepted"),
        (
            {"accepted": ["acc", "unacc"]},
            "merge: 'unacc' is a label itself, and can't stand for 'accepted'",
        ),
        (
            {"accepted": ["acc"], "unacc": ["acc"]},
            "merge: 'acc' stands for both 'accepted' and 'unacc'",
        ),
    ],
)
def test_labels_that_can_not_be_merged_are_an_error(merge: dict[str, list[str]], message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Target.model_validate(CAR | {"merge": merge}, strict=False)
    assert [error["msg"] for error in refused.value.errors()] == [f"Value error, {message}"]


def test_a_contract_without_merged_labels_is_read() -> None:
    assert Target.model_validate_json(json.dumps(CAR)).merge == {}
