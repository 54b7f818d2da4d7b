from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from app.core.base_feature import Missing
from app.core.contract import Contract, Provenance, Target
from app.core.encoders import Encoder
from app.core.model import Model
from app.core.values import Matrix, Row
from model_build.gate_report import GateResult
from model_build.gates.behaviour import NOISE, check_behaviour
from model_build.spec.sections import Direction, Golden, Invariance, ModelChecks
from tests.support.features import grade, rate, secured, years

FEATURES = (years(), rate(missing=Missing(markers=("n/a",))), grade(missing=Missing()), secured())
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


class ModelOf(Model):
    """A model whose probabilities a function computes, in place of ONNX."""

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


def declared_results(score: Callable[[Matrix], Any], **checks: Any) -> list[GateResult]:
    """Return the results of the checks that the spec declares, without those of every model."""
    results = check_behaviour(ModelOf(of_score(score)), ModelChecks(**checks), ROWS, seed=1)
    return results[SERVICE:]


def outcomes(results: Sequence[GateResult]) -> list[tuple[str, bool, str]]:
    return [(result.name, result.passed, result.sentence) for result in results]


# Checks of every model


def test_good_model_passes_every_check() -> None:
    results = check_behaviour(ModelOf(of_score(rising)), ModelChecks(), ROWS, seed=1)
    assert {result.kind for result in results} == {"behaviour"}
    assert outcomes(results) == [
        (
            "probabilities",
            True,
            "probabilities of 10 rows are from 0.03125 to 0.9688 (allowed: 0 to 1), and their sums "
            "differ from 1 by up to 0.0e+00 (allowed: 1e-05)",
        ),
        ("same bytes again", True, "10 rows predicted twice have the same bytes"),
        (
            "batch of one",
            True,
            "predicted one by one, 0 of 10 labels differ (allowed: 0), and probabilities differ by "
            "up to 0.0e+00 (allowed: 1e-05)",
        ),
        (
            "row order",
            True,
            "predicted in another order, 0 of 10 labels differ (allowed: 0), and probabilities differ by "
            "up to 0.0e+00 (allowed: 1e-05)",
        ),
    ]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            lambda matrix: of_score(rising)(matrix).astype(float),
            "probabilities are float64 [10, 2]; the service needs float32 [10, 2]",
        ),
        (
            lambda matrix: of_score(rising)(matrix)[:, :1],
            "probabilities are float32 [10, 1]; the service needs float32 [10, 2]",
        ),
        (
            lambda matrix: of_score(rising)(matrix) + np.float32(0.25) * (matrix[:, [YEARS]] == 4),
            "probabilities of 10 rows are from 0.03125 to 1.125 (allowed: 0 to 1), and their sums "
            "differ from 1 by up to 5.0e-01 (allowed: 1e-05); the first row that fails is test row 4",
        ),
        (
            of_score(lambda matrix: np.where(matrix[:, YEARS] == 3, -0.25, 0.5)),
            "probabilities of 10 rows are from -0.25 to 1.25 (allowed: 0 to 1), and their sums differ from 1 "
            "by up to 0.0e+00 (allowed: 1e-05); the first row that fails is test row 3",
        ),
        (
            of_score(lambda matrix: np.where(np.isnan(matrix[:, RATE]), np.nan, 0.5)),
            "probabilities of 10 rows are from nan to nan (allowed: 0 to 1), and their sums differ from 1 "
            "by up to nan (allowed: 1e-05); the first row that fails is test row 7",
        ),
    ],
)
def test_wrong_shape_or_range_fails_and_ends_the_checks(
    answer: Callable[[Matrix], Any], sentence: str
) -> None:
    results = check_behaviour(
        ModelOf(answer), ModelChecks(invariant=(Invariance(feature="rate"),)), ROWS, seed=1
    )
    assert outcomes(results) == [("probabilities", False, sentence)]


def test_model_with_state_fails() -> None:
    calls: list[Matrix] = []

    def score(matrix: Matrix) -> Matrix:
        calls.append(matrix)
        return np.full(len(matrix), 0.25 if len(calls) == 1 else 0.5)

    results = check_behaviour(ModelOf(of_score(score)), ModelChecks(), ROWS, seed=1)
    assert outcomes(results)[1] == ("same bytes again", False, "10 rows predicted twice have different bytes")


def test_predictions_that_depend_on_the_batch_fail_with_the_worst_row() -> None:
    answer = of_score(lambda matrix: 0.4 + 0.2 * (matrix[:, YEARS] == 6) * (len(matrix) == 1))
    results = check_behaviour(ModelOf(answer), ModelChecks(), ROWS, seed=1)
    assert [result.name for result in results if not result.passed] == ["batch of one"]
    assert results[2].sentence == (
        "predicted one by one, 1 of 10 labels differ (allowed: 0), and probabilities differ by up to 2.0e-01 "
        "(allowed: 1e-05); the worst is test row 6"
    )


def test_predictions_that_depend_on_the_order_fail_with_the_worst_row() -> None:
    answer = of_score(lambda matrix: 0.125 + 0.25 * (matrix[:, YEARS] == 10) * (matrix[-1, YEARS] == 10))
    results = check_behaviour(ModelOf(answer), ModelChecks(), ROWS, seed=1)
    assert [result.name for result in results if not result.passed] == ["row order"]
    assert results[3].sentence == (
        "predicted in another order, 0 of 10 labels differ (allowed: 0), and probabilities differ by up to "
        "2.5e-01 (allowed: 1e-05); the worst is test row 10"
    )


# Invariance


@pytest.mark.parametrize(
    ("feature", "values"),
    [("years", 10 + 1), ("rate", 3 + 1), ("grade", 3 + 1), ("secured", 2)],
)
def test_unread_feature_is_invariant_with_the_ends_of_its_range_and_missing(
    feature: str, values: int
) -> None:
    results = declared_results(
        lambda matrix: np.full(len(matrix), 0.5), invariant=(Invariance(feature=feature),)
    )
    assert outcomes(results) == [
        (
            f"{feature} invariant",
            True,
            f"{feature} changed to each of {values} values moves the score of 10 rows by up to 0.0000; "
            "the limit is 0",
        )
    ]


@pytest.mark.parametrize(
    ("feature", "score", "change"),
    [
        (
            "years",
            lambda matrix: 0.5 + 0.25 * (matrix[:, YEARS] == 30),
            "11 values: test row 1 from 1 to 30",
        ),
        (
            "rate",
            lambda matrix: 0.5 + 0.25 * np.isnan(matrix[:, RATE]),
            "4 values: test row 1 from 2.5 to missing",
        ),
        (
            "grade",
            lambda matrix: 0.5 + 0.25 * (matrix[:, GRADE] == 3),
            "4 values: test row 1 from 'B' to missing",
        ),
        (
            "secured",
            lambda matrix: 0.5 + 0.25 * matrix[:, SECURED],
            "2 values: test row 1 from false to true",
        ),
    ],
)
def test_feature_that_moves_the_score_fails_with_the_row_and_the_values(
    feature: str, score: Callable[[Matrix], Any], change: str
) -> None:
    values, _, example = change.partition(": ")
    [result] = declared_results(score, invariant=(Invariance(feature=feature, tolerance=0.05),))
    assert not result.passed
    assert result.sentence == (
        f"{feature} changed to each of {values} moves the score of 10 rows by up to 0.2500; "
        f"the limit is 0.05, exceeded by 0.2 in {example}"
    )


def test_move_within_the_tolerance_passes() -> None:
    check = Invariance(feature="secured", tolerance=0.25)
    [result] = declared_results(lambda matrix: 0.5 + 0.25 * matrix[:, SECURED], invariant=(check,))
    assert result.passed


def test_many_rows_are_sampled_with_the_seed() -> None:
    rows = [{**ROWS[0], "rate": float(number)} for number in range(2000)]
    model = ModelOf(of_score(rising))
    checks = ModelChecks(invariant=(Invariance(feature="years"),))
    first, same, different = (outcomes(check_behaviour(model, checks, rows, seed)) for seed in (1, 1, 2))
    assert first == same
    assert first[SERVICE][2].startswith(
        "years changed to each of 2 values moves the score of 500 rows by up to"
    )
    assert [passed for _, passed, _ in different] == [passed for _, passed, _ in first]


def test_number_that_no_row_has_is_changed_to_the_ends_of_its_range() -> None:
    rows = [{**row, "rate": None} for row in ROWS]
    checks = ModelChecks(invariant=(Invariance(feature="rate"),))
    results = check_behaviour(ModelOf(of_score(rising)), checks, rows, seed=1)
    assert results[SERVICE].sentence.startswith("rate changed to each of 3 values")


# Directions


@pytest.mark.parametrize(
    ("score", "direction", "sentence"),
    [
        (rising, "rises", "lowers the score of 10 rows by up to 0.0000; the limit is 0"),
        (
            lambda matrix: 1 - matrix[:, YEARS] / 32,
            "falls",
            "raises the score of 10 rows by up to 0.0000; the limit is 0",
        ),
    ],
)
def test_score_that_keeps_its_direction_passes(
    score: Callable[[Matrix], Any], direction: str, sentence: str
) -> None:
    [result] = declared_results(
        score, directions=(Direction.model_validate({"feature": "years", "score": direction}),)
    )
    assert outcomes([result]) == [
        (f"years {direction}", True, f"years raised through 11 values from 1 to 30 {sentence}")
    ]


@pytest.mark.parametrize(
    ("direction", "sentence"),
    [
        (
            {"score": "rises", "tolerance": 0.25},
            "11 values from 1 to 30 lowers the score of 10 rows by up to 0.5000; "
            "the limit is 0.25, exceeded by 0.25 in test row 1 from 4 to 6",
        ),
        (
            {"score": "falls"},
            "11 values from 1 to 30 raises the score of 10 rows by up to 0.5000; "
            "the limit is 0, exceeded by 0.5 in test row 1 from 1 to 4",
        ),
        (
            {"score": "rises", "values": (2.0, 5.0, 8.0)},
            "2, 5, 8 lowers the score of 10 rows by up to 0.2500; "
            "the limit is 0, exceeded by 0.25 in test row 1 from 5 to 8",
        ),
    ],
)
def test_largest_move_against_the_direction_between_any_two_values_counts(
    direction: dict[str, Any], sentence: str
) -> None:
    def score(matrix: Matrix) -> Matrix:
        """Rise from 0.25 to 0.75 at 4 years, then fall in two steps, to 0.5 at 5 and to 0.25 from 6 on."""
        scores = np.interp(matrix[:, YEARS], [3, 4, 5, 6], [0.25, 0.75, 0.5, 0.25])
        return np.asarray(scores)

    [result] = declared_results(
        score, directions=(Direction.model_validate({"feature": "years"} | direction),)
    )
    assert not result.passed
    assert result.sentence == f"years raised through {sentence}"


def test_direction_of_an_unread_feature_judges_nothing() -> None:
    check = Direction(feature="rate", score="rises")
    results = declared_results(rising, directions=(check, Direction(feature="years", score="rises")))
    assert [result.judged for result in results] == [False, True]
    assert outcomes(results[:1]) == [
        (
            "rate rises",
            True,
            "rate raised through 0, 2.5, 20 moves the score of none of 10 rows, "
            "so there was nothing to judge",
        )
    ]


def test_large_values_have_all_their_digits() -> None:
    results = declared_results(
        rising, directions=(Direction(feature="rate", score="rises", values=(1, 1234567.5)),)
    )
    assert results[0].sentence.startswith("rate raised through 1, 1234567.5 moves")


def test_last_of_three_labels_is_judged() -> None:
    def answer(matrix: Matrix) -> Matrix:
        last = matrix[:, YEARS] / 32
        return np.stack([0.75 - 0.75 * last, 0.25 - 0.25 * last, last], axis=1)

    model = ModelOf(answer, Target(name="paid", labels=("no", "late", "yes")))
    checks = ModelChecks(directions=(Direction(feature="years", score="rises"),))
    assert [result.passed for result in check_behaviour(model, checks, ROWS, seed=1)] == [True] * (
        SERVICE + 1
    )


@pytest.mark.parametrize("values", [(2, 1), (1, 1)])
def test_values_that_do_not_rise_are_refused(values: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError, match="values must rise"):
        Direction(feature="years", score="rises", values=values)


# Golden rows

GOOD: dict[str, Any] = {"years": 8, "rate": "n/a", "grade": None, "secured": True}


@pytest.mark.parametrize(
    ("label", "minimum", "passed", "sentence"),
    [
        (
            "no",
            0.75,
            True,
            "predicted no, expected no; the probability of no is 0.7500 and must be at least 0.75",
        ),
        (
            "no",
            0.8,
            False,
            "predicted no, expected no; the probability of no is 0.7500 and must be at least 0.8 "
            "but is 0.05 too low",
        ),
        (
            "yes",
            0.0,
            False,
            "predicted no, expected yes; the probability of yes is 0.2500 and must be at least 0",
        ),
    ],
)
def test_golden_row_must_have_its_label_and_probability(
    label: str, minimum: float, passed: bool, sentence: str
) -> None:
    golden = Golden(title="A short loan", row=GOOD, label=label, minimum_probability=minimum)
    assert outcomes(declared_results(rising, golden=(golden,))) == [
        ("A short loan", passed, f"A short loan: {sentence}")
    ]


def test_result_has_what_its_bound_was_compared_with() -> None:
    results = declared_results(
        rising,
        invariant=(Invariance(feature="secured"),),
        directions=(Direction(feature="years", score="falls", values=(8.0, 16.0), tolerance=0.5),),
        golden=(Golden(title="A short loan", row=GOOD, label="yes", minimum_probability=0.1),),
    )
    bounds = [
        (bound.key, bound.bound, bound.value, bound.end) for result in results for bound in result.bounds
    ]
    moved = pytest.approx(0.25 - NOISE)
    assert bounds == [
        ("tolerance", 0, 0, 0),
        ("tolerance", 0.5, moved, moved),
        ("minimum_probability", 0.1, 0.25, 0.25),
    ]


def test_golden_row_is_validated_as_in_the_service() -> None:
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
def test_golden_row_that_the_service_refuses_is_refused(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match="A short loan") as caught:
        Golden(title="A short loan", row=GOOD | change, label="no").validated(FEATURES)
    assert str(caught.value) == f"A short loan: {problem}"
