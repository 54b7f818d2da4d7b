"""What a spec may say about checks, evaluation, gates and model checks."""

from pathlib import Path

import pytest

from model_build.spec import model_spec
from tests.model_build.spec.conftest import SpecErrorOf
from tests.support.tiny import TINY

NAMES = "grade, rate, secured, years"
THREE = TINY.replace('labels: ["no", "yes"], positive: "yes", threshold: 0.6', 'labels: ["no", late, "yes"]')


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ("data_checks: {types: ignore}", "data_checks.types: must be 'fail' or 'warn'."),
        ("data_checks: {maximum_leakage: 2}", "data_checks.maximum_leakage: must be at most 1."),
        ("data_checks: {reference: {alpha: 0}}", "data_checks.reference.alpha: must be above 0."),
        (
            "data_checks: {reference: {}}",
            "data_checks.reference: needs a source, because data.synthetic is not declared.",
        ),
    ],
)
def test_impossible_data_checks_are_errors(spec_error: SpecErrorOf, section: str, sentence: str) -> None:
    assert spec_error(f"{TINY}{section}\n") == sentence


@pytest.mark.parametrize(
    ("evaluation", "sentence"),
    [
        ("{slices: {bands: 1}}", "evaluation.slices.bands: must be at least 2."),
        (
            "{slices: {features: [colour]}}",
            f"evaluation.slices.features.0: there is no feature 'colour'; allowed are {NAMES}.",
        ),
        (
            "{slices: {intersections: [[grade, colour]]}}",
            f"evaluation.slices.intersections.0.1: there is no feature 'colour'; allowed are {NAMES}.",
        ),
        ("{slices: {intersections: [[]]}}", "evaluation.slices.intersections.0: needs at least 2 items."),
        (
            "{fairness: {years: A}}",
            "evaluation.fairness.years: 'years' is no category or boolean; allowed are grade, secured.",
        ),
        (
            '{fairness: {secured: "yes"}}',
            "evaluation.fairness.secured: there is no group 'yes'; allowed are false, true.",
        ),
        (
            "{slices: {intersections: [[grade, grade]]}}",
            "evaluation.slices.intersections: an intersection needs different features, not grade, grade.",
        ),
        (
            "{slices: {intersections: [[grade, secured], [secured, grade]]}}",
            "evaluation.slices.intersections: the intersection of secured, grade is listed twice.",
        ),
        (
            "{slices: {cuts: {grade: mean}}}",
            "evaluation.slices.cuts.grade: 'grade' is no number; allowed are rate, years.",
        ),
        ("{slices: {cuts: {years: [3, 2]}}}", "evaluation.slices.cuts: the cuts of years must rise."),
        ("{fairness: {grade: D}}", "evaluation.fairness.grade: there is no group 'D'; allowed are A, B, C."),
    ],
)
def test_impossible_evaluation_is_an_error(spec_error: SpecErrorOf, evaluation: str, sentence: str) -> None:
    assert spec_error(f"{TINY}evaluation: {evaluation}\n") == sentence


def test_boolean_can_be_protected(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(f'{TINY}evaluation: {{fairness: {{secured: "true"}}}}\n')
    assert model_spec.load(str(path)).evaluation.fairness == {"secured": "true"}


def test_gate_on_slices_that_are_not_computed_is_an_error(spec_error: SpecErrorOf) -> None:
    sections = "evaluation: {slices: {features: [grade]}}\ngates: {slices: [%s]}\n"
    gate = "{metric: accuracy, minimum: 0.5, features: [years]}"
    assert spec_error(TINY + sections % gate) == "gates.slices.0.features: evaluation has no slices by years."


def test_slices_by_label_may_have_a_gate_of_their_own(tmp_path: Path, spec_error: SpecErrorOf) -> None:
    gate = "gates: {slices: [{metric: accuracy, minimum: 0.5, features: [paid]}]}\n"
    path = tmp_path / "tiny.yaml"
    path.write_text(f"{TINY}evaluation: {{slices: {{by_label: true}}}}\n{gate}")
    assert model_spec.load(str(path)).gates.slices[0].features == ("paid",)
    assert spec_error(TINY + gate).startswith("gates.slices.0.features.0: there is no feature 'paid'")


def test_cuts_are_the_mean_or_values_that_rise(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(f"{TINY}evaluation: {{slices: {{cuts: {{years: [5, 10.5], rate: mean}}}}}}\n")
    assert model_spec.load(str(path)).evaluation.slices.cuts == {"years": (5, 10.5), "rate": "mean"}


def test_fairness_of_three_labels_may_be_judged_for_one_of_them(
    tmp_path: Path, spec_error: SpecErrorOf
) -> None:
    gate = "{metric: equal_opportunity_difference, feature: grade, label: %s, maximum: 0.2}"
    text = f"{THREE}evaluation: {{fairness: {{grade: A}}}}\ngates: {{fairness: [{gate}]}}\n"
    path = tmp_path / "three.yaml"
    path.write_text(text % "late")
    assert model_spec.load(str(path)).gates.fairness[0].label == "late"
    assert spec_error(text % "most").startswith(
        "gates.fairness.0.label: there is no label 'most'; allowed are "
    )


@pytest.mark.parametrize(
    ("gates", "sentence"),
    [
        (
            "{metrics: [{metric: auc, minimum: 0.9}]}",
            "gates.metrics.0.metric: there is no metric 'auc' (did you mean 'roc_auc'?); allowed are "
            "accuracy, average_precision, "
            "balanced_accuracy, brier, calibration_error, f1, log_loss, precision, recall, roc_auc.",
        ),
        ("{metrics: [{metric: roc_auc}]}", "gates.metrics.0: a gate needs a minimum or a maximum."),
        (
            "{metrics: [{metric: roc_auc, minimum: 0.9, maximum: 0.8}]}",
            "gates.metrics.0: minimum 0.9 must not be above maximum 0.8.",
        ),
        (
            "{metrics: [{metric: roc_auc, minimum: 0.9, data_source: fake}]}",
            "gates.metrics.0.data_source: must be 'real' or 'synthetic'.",
        ),
        ("{metrics: [{metric: roc_auc, minimum: high}]}", "gates.metrics.0.minimum: must be a number."),
        (
            "{slices: [{metric: lift, minimum: 1}]}",
            "gates.slices.0.metric: there is no slice metric 'lift'; allowed are accuracy, brier, f1, "
            "log_loss, precision, recall, roc_auc.",
        ),
        (
            "{slices: [{metric: accuracy, minimum: 1, features: [colour]}]}",
            f"gates.slices.0.features.0: there is no feature 'colour'; allowed are {NAMES}.",
        ),
        (
            "{fairness: [{metric: luck, feature: grade, maximum: 1}]}",
            "gates.fairness.0.metric: there is no fairness metric 'luck'; allowed are "
            "demographic_parity_difference, demographic_parity_ratio, equal_opportunity_difference, "
            "equal_opportunity_ratio, false_negative_rate_difference, false_negative_rate_ratio, "
            "false_positive_rate_difference, false_positive_rate_ratio.",
        ),
        (
            "{fairness: [{metric: demographic_parity_ratio, feature: grade, minimum: 0.8}]}",
            "gates.fairness.0.feature: 'grade' is not in evaluation.fairness.",
        ),
        ("{maximum_bytes: 0}", "gates.maximum_bytes: must be at least 1."),
        ("{deployed: {metric: luck}}", "gates.deployed.metric: must be 'roc_auc', 'log_loss' or 'accuracy'."),
    ],
)
def test_impossible_gate_is_an_error(spec_error: SpecErrorOf, gates: str, sentence: str) -> None:
    assert spec_error(f"{TINY}gates: {gates}\n") == sentence


@pytest.mark.parametrize(
    ("checks", "sentence"),
    [
        (
            "{invariant: [{feature: colour}]}",
            f"model_checks.invariant.0.feature: there is no feature 'colour'; allowed are {NAMES}.",
        ),
        (
            "{directions: [{feature: grade, score: rises}]}",
            "model_checks.directions.0.feature: 'grade' is no number; allowed are rate, years.",
        ),
        (
            "{directions: [{feature: rate, score: up}]}",
            "model_checks.directions.0.score: must be 'rises' or 'falls'.",
        ),
        (
            "{golden: [{title: A loan, row: {years: 1, rate: 1, grade: A, secured: true}, label: maybe}]}",
            "model_checks.golden.0.label: there is no label 'maybe'; allowed are no, yes.",
        ),
        (
            '{golden: [{title: A loan, row: {years: 0, rate: 1, grade: A, secured: true}, label: "no"}]}',
            "model_checks.golden.0.row: A loan: At years: Must be a whole number from 1 to 30.",
        ),
        (
            "{directions: [{feature: years, score: falls, values: [1, 31]}]}",
            "model_checks.directions.0.values.1: years must be from 1 to 30, not 31.",
        ),
        (
            "{directions: [{feature: years, score: falls, values: [2, 1]}]}",
            "model_checks.directions.0.values: values must rise.",
        ),
    ],
)
def test_impossible_model_check_is_an_error(spec_error: SpecErrorOf, checks: str, sentence: str) -> None:
    assert spec_error(f"{TINY}model_checks: {checks}\n") == sentence


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        (
            "training: {clip: {zip: {high: 0.9}}}",
            "training.clip.zip: 'zip' is no number; allowed are rate, years.",
        ),
        (
            "evaluation: {slices: {features: [zip]}}",
            f"evaluation.slices.features.0: there is no feature 'zip'; allowed are {NAMES}.",
        ),
    ],
)
def test_an_open_category_is_no_number_and_has_no_slices(
    spec_error: SpecErrorOf, section: str, sentence: str
) -> None:
    zip_code = "features:\n  - {name: zip, type: open_category, title: ZIP, example: '01234'}"
    assert spec_error(f"{TINY.replace('features:', zip_code, 1)}{section}\n") == sentence
