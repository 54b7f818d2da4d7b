from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from app.core.contract import Contract, Provenance, Target
from app.core.features import (
    BooleanFeature,
    CategoryFeature,
    Encoder,
    IntegerFeature,
    Matrix,
    Missing,
    NumberFeature,
    Row,
)
from app.core.model import Model
from model_build.artifacts import GateResult
from model_build.gates.behaviour import check_behaviour
from model_build.spec.sections import Direction, Golden, Invariance, ModelChecks

FEATURES = (
    IntegerFeature(name="years", type="integer", minimum=1, maximum=30, title="Years", example=5),
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
        name="grade",
        type="category",
        categories=("A", "B", "C"),
        title="Grade",
        example="B",
        missing=Missing(),
    ),
    BooleanFeature(name="secured", type="boolean", title="Secured", example=True),
)
YEARS, RATE, GRADE, SECURED = range(4)
TWO = Target(name="paid", labels=("no", "yes"), positive="yes")
ROWS: Sequence[Row] = [
    {
        "years": float(years),
        "rate": None if years == 7 else 2.5,
        "grade": "ABC"[years % 3],
        "secured": years > 5,
    }
    for years in range(1, 11)
]
SERVICE = 4  # checks that every model has


def contract(target: Target) -> Contract:
    provenance = Provenance(
        data_source="real",
        data_uri="loans.csv",
        data_sha256=None,
        rows=10,
        licence="none",
        spec_sha256="0" * 64,
        git_commit=None,
        libraries={},
        trained_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return Contract(
        name="loans",
        title="Loans",
        description="",
        model_version="1.0.0",
        features=FEATURES,
        target=target,
        metrics={},
        provenance=provenance,
        files={},
    )


class Answering(Model):
    """A model that answers as a function says, in place of ONNX."""

    def __init__(self, answer: Callable[[Matrix], Any], target: Target = TWO) -> None:
        self.contract = contract(target)
        self.encode = Encoder(FEATURES)
        self._answer = answer

    def probabilities(self, matrix: Matrix) -> Matrix:
        answer: Matrix = self._answer(matrix)
        return answer


def of_score(score: Callable[[Matrix], Any]) -> Callable[[Matrix], Matrix]:
    """Return the probabilities of two labels for the positive one's score."""

    def answer(matrix: Matrix) -> Matrix:
        positive = np.asarray(score(matrix), np.float32)
        return np.stack([1 - positive, positive], axis=1)

    return answer


def rising(matrix: Matrix) -> Matrix:
    return matrix[:, YEARS] / np.float32(32)


def verdicts(score: Callable[[Matrix], Any], **checks: Any) -> list[GateResult]:
    """Return the verdicts on what the spec declares, beyond what every model is held to."""
    found = check_behaviour(Answering(of_score(score)), ModelChecks(**checks), ROWS, seed=1)
    return found[SERVICE:]


def told(found: Sequence[GateResult]) -> list[tuple[str, bool, str]]:
    return [(each.name, each.passed, each.sentence) for each in found]


# What every model is held to


def test_a_model_that_behaves_keeps_every_check_of_the_service() -> None:
    found = check_behaviour(Answering(of_score(rising)), ModelChecks(), ROWS, seed=1)
    assert {each.kind for each in found} == {"behaviour"}
    assert told(found) == [
        (
            "probabilities",
            True,
            "probabilities of 10 rows are 0.03125 to 0.9688 and sum to 1 within 0.0e+00, "
            "the service needs 0 to 1, and 1e-05",
        ),
        ("same bytes again", True, "10 rows asked twice have the same bytes"),
        (
            "batch of one",
            True,
            "10 rows asked one by one have 0 other labels, and probabilities that differ by "
            "at most 0.0e+00; the service needs 0 and 1e-05",
        ),
        (
            "row order",
            True,
            "10 rows asked in another order have 0 other labels, and probabilities that differ by "
            "at most 0.0e+00; the service needs 0 and 1e-05",
        ),
    ]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            lambda matrix: of_score(rising)(matrix).astype(float),
            "probabilities are float64 [10, 2], the service needs float32 [10, 2]",
        ),
        (
            lambda matrix: of_score(rising)(matrix)[:, :1],
            "probabilities are float32 [10, 1], the service needs float32 [10, 2]",
        ),
        (
            lambda matrix: of_score(rising)(matrix) + np.float32(0.25) * (matrix[:, [YEARS]] == 4),
            "probabilities of 10 rows are 0.03125 to 1.125 and sum to 1 within 5.0e-01, "
            "the service needs 0 to 1, and 1e-05: first broken in test row 4",
        ),
        (
            of_score(lambda matrix: np.where(matrix[:, YEARS] == 3, -0.25, 0.5)),
            "probabilities of 10 rows are -0.25 to 1.25 and sum to 1 within 0.0e+00, "
            "the service needs 0 to 1, and 1e-05: first broken in test row 3",
        ),
        (
            of_score(lambda matrix: np.where(np.isnan(matrix[:, RATE]), np.nan, 0.5)),
            "probabilities of 10 rows are nan to nan and sum to 1 within nan, "
            "the service needs 0 to 1, and 1e-05: first broken in test row 7",
        ),
    ],
)
def test_answers_that_are_no_probabilities_are_told_and_nothing_else_is_asked(
    answer: Callable[[Matrix], Any], sentence: str
) -> None:
    found = check_behaviour(
        Answering(answer), ModelChecks(invariant=(Invariance(feature="rate"),)), ROWS, seed=1
    )
    assert told(found) == [("probabilities", False, sentence)]


def test_a_model_that_remembers_does_not_give_the_same_bytes_again() -> None:
    asked: list[Matrix] = []

    def score(matrix: Matrix) -> Matrix:
        asked.append(matrix)
        return np.full(len(matrix), 0.25 if len(asked) == 1 else 0.5)

    found = check_behaviour(Answering(of_score(score)), ModelChecks(), ROWS, seed=1)
    assert told(found)[1] == ("same bytes again", False, "10 rows asked twice have other bytes")


def test_a_batch_that_changes_the_answers_is_told_with_its_worst_row() -> None:
    answer = of_score(lambda matrix: 0.4 + 0.2 * (matrix[:, YEARS] == 6) * (len(matrix) == 1))
    found = check_behaviour(Answering(answer), ModelChecks(), ROWS, seed=1)
    assert [each.name for each in found if not each.passed] == ["batch of one"]
    assert found[2].sentence == (
        "10 rows asked one by one have 1 other labels, and probabilities that differ by at most 2.0e-01; "
        "the service needs 0 and 1e-05: worst is test row 6"
    )


def test_an_order_that_changes_the_answers_is_told_with_its_worst_row() -> None:
    answer = of_score(lambda matrix: 0.125 + 0.25 * (matrix[:, YEARS] == 10) * (matrix[-1, YEARS] == 10))
    found = check_behaviour(Answering(answer), ModelChecks(), ROWS, seed=1)
    assert [each.name for each in found if not each.passed] == ["row order"]
    assert found[3].sentence == (
        "10 rows asked in another order have 0 other labels, and probabilities that differ by "
        "at most 2.5e-01; the service needs 0 and 1e-05: worst is test row 10"
    )


# Invariance


@pytest.mark.parametrize(
    ("feature", "values"),
    [("years", 10 + 1), ("rate", 3 + 1), ("grade", 3 + 1), ("secured", 2)],
)
def test_a_feature_that_is_not_read_is_invariant_to_the_ends_of_its_range_and_to_missing(
    feature: str, values: int
) -> None:
    found = verdicts(lambda matrix: np.full(len(matrix), 0.5), invariant=(Invariance(feature=feature),))
    assert told(found) == [
        (
            f"{feature} invariant",
            True,
            f"{feature} changed to each of {values} values moves the score of 10 rows by at most 0.0000, "
            "the check wants at most 0",
        )
    ]


@pytest.mark.parametrize(
    ("feature", "score", "found"),
    [
        (
            "years",
            lambda matrix: 0.5 + 0.25 * (matrix[:, YEARS] == 30),
            "11 values: test row 1, from 1 to 30",
        ),
        (
            "rate",
            lambda matrix: 0.5 + 0.25 * np.isnan(matrix[:, RATE]),
            "4 values: test row 1, from 2.5 to None",
        ),
        (
            "grade",
            lambda matrix: 0.5 + 0.25 * (matrix[:, GRADE] == 3),
            "4 values: test row 1, from B to None",
        ),
        (
            "secured",
            lambda matrix: 0.5 + 0.25 * matrix[:, SECURED],
            "2 values: test row 1, from False to True",
        ),
    ],
)
def test_a_feature_that_moves_the_score_is_told_with_the_row_and_the_values(
    feature: str, score: Callable[[Matrix], Any], found: str
) -> None:
    values, _, example = found.partition(": ")
    [verdict] = verdicts(score, invariant=(Invariance(feature=feature, tolerance=0.05),))
    assert not verdict.passed
    assert verdict.sentence == (
        f"{feature} changed to each of {values} moves the score of 10 rows by at most 0.2500, "
        f"the check wants at most 0.05: 0.2 too much in {example}"
    )


def test_a_move_within_the_tolerance_is_kept() -> None:
    check = Invariance(feature="secured", tolerance=0.25)
    [verdict] = verdicts(lambda matrix: 0.5 + 0.25 * matrix[:, SECURED], invariant=(check,))
    assert verdict.passed


def test_of_many_rows_a_seeded_sample_is_asked() -> None:
    rows = [{**ROWS[0], "rate": float(number)} for number in range(2000)]
    model = Answering(of_score(rising))
    checks = ModelChecks(invariant=(Invariance(feature="years"),))
    one, two, other = (told(check_behaviour(model, checks, rows, seed)) for seed in (1, 1, 2))
    assert one == two
    assert one[SERVICE][2].startswith(
        "years changed to each of 2 values moves the score of 500 rows by at most"
    )
    assert [kept for _, kept, _ in other] == [kept for _, kept, _ in one]


def test_a_number_that_no_row_has_is_changed_to_the_ends_of_its_range() -> None:
    rows = [{**row, "rate": None} for row in ROWS]
    checks = ModelChecks(invariant=(Invariance(feature="rate"),))
    found = check_behaviour(Answering(of_score(rising)), checks, rows, seed=1)
    assert found[SERVICE].sentence.startswith("rate changed to each of 3 values")


# Directions


@pytest.mark.parametrize(
    ("score", "direction", "sentence"),
    [
        (rising, "rises", "lowers the score of 10 rows by at most 0.0000, the check wants at most 0"),
        (
            lambda matrix: 1 - matrix[:, YEARS] / 32,
            "falls",
            "raises the score of 10 rows by at most 0.0000, the check wants at most 0",
        ),
    ],
)
def test_a_score_that_keeps_its_direction_is_kept(
    score: Callable[[Matrix], Any], direction: str, sentence: str
) -> None:
    [verdict] = verdicts(
        score, directions=(Direction.model_validate({"feature": "years", "score": direction}),)
    )
    assert told([verdict]) == [
        (f"years {direction}", True, f"years raised through 11 values from 1 to 30 {sentence}")
    ]


@pytest.mark.parametrize(
    ("direction", "sentence"),
    [
        (
            {"score": "rises", "tolerance": 0.25},
            "11 values from 1 to 30 lowers the score of 10 rows by at most 0.5000, "
            "the check wants at most 0.25: 0.25 too much in test row 1, from 4 to 6",
        ),
        (
            {"score": "falls"},
            "11 values from 1 to 30 raises the score of 10 rows by at most 0.5000, "
            "the check wants at most 0: 0.5 too much in test row 1, from 1 to 4",
        ),
        (
            {"score": "rises", "values": (2.0, 5.0, 8.0)},
            "2, 5, 8 lowers the score of 10 rows by at most 0.2500, "
            "the check wants at most 0: 0.25 too much in test row 1, from 5 to 8",
        ),
    ],
)
def test_the_largest_move_against_the_direction_counts_between_any_two_values(
    direction: dict[str, Any], sentence: str
) -> None:
    def score(matrix: Matrix) -> Matrix:
        """Rise from 0.25 to 0.75 at 4 years, then fall in two steps, to 0.5 at 5 and to 0.25 from 6 on."""
        at = np.interp(matrix[:, YEARS], [3, 4, 5, 6], [0.25, 0.75, 0.5, 0.25])
        return np.asarray(at)

    [verdict] = verdicts(score, directions=(Direction.model_validate({"feature": "years"} | direction),))
    assert not verdict.passed
    assert verdict.sentence == f"years raised through {sentence}"


def test_a_direction_of_a_feature_that_moves_nothing_says_so() -> None:
    check = Direction(feature="rate", score="rises")
    found = verdicts(rising, directions=(check, Direction(feature="years", score="rises")))
    assert [each.judged for each in found] == [False, True]
    assert told(found[:1]) == [
        (
            "rate rises",
            True,
            "rate raised through 0, 2.5, 20 moves no score of 10 rows, so the check says nothing",
        )
    ]


def test_large_values_have_their_digits_in_groups() -> None:
    found = verdicts(rising, directions=(Direction(feature="rate", score="rises", values=(1, 1234567.5)),))
    assert found[0].sentence.startswith("rate raised through 1, 1,234,567.5 moves")


def test_of_three_labels_the_last_is_judged() -> None:
    def answer(matrix: Matrix) -> Matrix:
        last = matrix[:, YEARS] / 32
        return np.stack([0.75 - 0.75 * last, 0.25 - 0.25 * last, last], axis=1)

    model = Answering(answer, Target(name="paid", labels=("no", "late", "yes")))
    checks = ModelChecks(directions=(Direction(feature="years", score="rises"),))
    assert [each.passed for each in check_behaviour(model, checks, ROWS, seed=1)] == [True] * (SERVICE + 1)


@pytest.mark.parametrize("values", [(2, 1), (1, 1)])
def test_values_that_do_not_rise_are_refused(values: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError, match="values must rise"):
        Direction(feature="years", score="rises", values=values)


# Golden rows

GOOD: dict[str, Any] = {"years": 8, "rate": "n/a", "grade": None, "secured": True}


@pytest.mark.parametrize(
    ("label", "minimum", "kept", "sentence"),
    [
        ("no", 0.75, True, "the answer is no, with 0.7500 for no; the check wants no with at least 0.75"),
        (
            "no",
            0.8,
            False,
            "the answer is no, with 0.7500 for no; the check wants no with at least 0.8: 0.05 too low",
        ),
        ("yes", 0.0, False, "the answer is no, with 0.2500 for yes; the check wants yes with at least 0"),
    ],
)
def test_a_golden_row_needs_its_label_and_probability(
    label: str, minimum: float, kept: bool, sentence: str
) -> None:
    golden = Golden(title="A short loan", row=GOOD, label=label, minimum_probability=minimum)
    assert told(verdicts(rising, golden=(golden,))) == [("A short loan", kept, f"A short loan: {sentence}")]


def test_a_golden_row_is_read_as_the_service_reads_it() -> None:
    row = Golden(title="A short loan", row=dict(reversed(GOOD.items())), label="no").validated(FEATURES)
    assert list(row.items()) == [("years", 8.0), ("rate", None), ("grade", None), ("secured", True)]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"years": 31}, "At years: Must be a whole number from 1 to 30"),
        ({"grade": "D"}, "At grade: Must be one of A, B, C; or, when missing, null"),
        (
            {"colour": "red"},
            "At colour: Unknown field, or one given twice under two names. "
            "A row has: years, rate, grade, secured",
        ),
    ],
)
def test_a_golden_row_that_the_service_would_refuse_is_refused(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match="golden") as caught:
        Golden(title="A short loan", row=GOOD | change, label="no").validated(FEATURES)
    assert str(caught.value) == f"model_checks.golden: A short loan: {problem}"
