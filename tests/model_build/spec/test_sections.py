"""What a spec may say of checks, training, evaluation, gates and model checks, and what is refused."""

from pathlib import Path

import pytest

from model_build.errors import SpecError
from model_build.spec import model_spec
from model_build.spec.sections import Clip, Range
from tests.conftest import TINY

NAMES = "grade, rate, secured, years"
THREE = TINY.replace('labels: ["no", "yes"], positive: "yes", threshold: 0.6', 'labels: ["no", late, "yes"]')


def refusal(tmp_path: Path, text: str) -> str:
    path = tmp_path / "tiny.yaml"
    path.write_text(text)
    with pytest.raises(SpecError) as caught:
        model_spec.load(str(path))
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ("data_checks: {types: ignore}", "data_checks.types: must be 'fail' or 'warn'."),
        ("data_checks: {maximum_leakage: 2}", "data_checks.maximum_leakage: must be at most 1."),
        ("data_checks: {reference: {alpha: 0}}", "data_checks.reference.alpha: must be above 0."),
        (
            "data_checks: {reference: {}}",
            "data_checks.reference needs a source, because data.synthetic is not declared.",
        ),
    ],
)
def test_data_checks_that_could_not_run_are_refused(tmp_path: Path, section: str, sentence: str) -> None:
    assert refusal(tmp_path, f"{TINY}{section}\n") == sentence


@pytest.mark.parametrize(
    ("training", "sentence"),
    [
        ("{folds: 1}", "training.folds: must be at least 2."),
        (
            "{drop: [colour]}",
            f"training.drop: there is no feature 'colour'; allowed are {NAMES}.",
        ),
        ("{drop: [years, rate], select: 3}", "training: 2 features are left after drop, 3 are needed."),
        ("{drop: [years, rate, grade, secured]}", "training: 0 features are left after drop, 1 are needed."),
        (
            "{clip: {grade: {high: 0.9}}}",
            "training.clip: there is no number 'grade'; allowed are rate, years.",
        ),
        ("{clip: {rate: {low: 0.9, high: 0.9}}}", "training.clip.rate: low 0.9 must be below high 0.9."),
        ("{resample: smote}", "training.resample: must be 'over' or 'under'."),
        ("{search: {space: {}}}", "training.search.space: needs at least 1."),
        (
            "{search: {space: {depth: [1, 2]}}}",
            "hist_gradient_boosting has no parameter 'depth'; allowed are ",
        ),
        ("{search: {space: {max_iter: 5}}}", "training.search.space.max_iter: must be a list."),
        ("{search: {space: {max_iter: []}}}", "training.search.space.max_iter: needs at least 1."),
        (
            "{search: {space: {max_iter: {low: 1}}}}",
            "training.search.space.max_iter.high: this key is required.",
        ),
        (
            "{search: {method: grid, space: {max_iter: {low: 1, high: 2}}}}",
            "training.search: a grid needs a list of values for max_iter.",
        ),
        (
            "{search: {space: {learning_rate: {low: 0, high: 1, log: true}}}}",
            "training.search.space.learning_rate: a logarithmic range needs a low above 0.",
        ),
    ],
)
def test_training_that_could_not_be_done_is_refused(tmp_path: Path, training: str, sentence: str) -> None:
    assert refusal(tmp_path, f"{TINY}training: {training}\n").startswith(sentence)


def test_a_threshold_is_chosen_for_two_labels_only(tmp_path: Path) -> None:
    text = f"{THREE}training: {{threshold: f1}}\n"
    assert refusal(tmp_path, text) == "training.threshold: a threshold is for two labels only."


@pytest.mark.parametrize(
    ("evaluation", "sentence"),
    [
        ("{slices: {bands: 1}}", "evaluation.slices.bands: must be at least 2."),
        ("{slices: {features: [colour]}}", "evaluation.slices.features: there is no feature 'colour'; "),
        (
            "{slices: {intersections: [[grade, colour]]}}",
            "evaluation.slices.intersections: there is no feature 'colour'; ",
        ),
        ("{slices: {intersections: [[]]}}", "evaluation.slices.intersections.0: needs at least 2."),
        (
            "{fairness: {years: A}}",
            "evaluation.fairness: there is no category or boolean 'years'; allowed are grade, secured.",
        ),
        (
            '{fairness: {secured: "yes"}}',
            "there is no group of secured 'yes'; allowed are false, true.",
        ),
        (
            "{slices: {intersections: [[grade, grade]]}}",
            "evaluation.slices.intersections: an intersection needs different features, not grade, grade.",
        ),
        (
            "{slices: {intersections: [[grade, secured], [secured, grade]]}}",
            "evaluation.slices.intersections: the intersection of secured, grade is there twice.",
        ),
        ("{fairness: {grade: D}}", "there is no group of grade 'D'; allowed are A, B, C."),
    ],
)
def test_an_evaluation_that_could_not_be_done_is_refused(
    tmp_path: Path, evaluation: str, sentence: str
) -> None:
    assert refusal(tmp_path, f"{TINY}evaluation: {evaluation}\n").startswith(sentence)


def test_a_boolean_can_be_protected(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(f'{TINY}evaluation: {{fairness: {{secured: "true"}}}}\n')
    assert model_spec.load(str(path)).evaluation.fairness == {"secured": "true"}


def test_a_gate_on_slices_that_are_not_made_is_refused(tmp_path: Path) -> None:
    sections = "evaluation: {slices: {features: [grade]}}\ngates: {slices: [%s]}\n"
    gate = "{metric: accuracy, minimum: 0.5, features: [years]}"
    assert refusal(tmp_path, TINY + sections % gate) == "gates.slices: there is no slice by years."


def test_fairness_needs_a_positive_label(tmp_path: Path) -> None:
    text = f"{THREE}evaluation: {{fairness: {{grade: A}}}}\n"
    assert refusal(tmp_path, text) == "evaluation.fairness: only a target with a positive label has it."


@pytest.mark.parametrize(
    ("gates", "sentence"),
    [
        (
            "{metrics: [{metric: auc, minimum: 0.9}]}",
            "gates.metrics.0.metric: there is no metric 'auc'; allowed are accuracy, average_precision, "
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
            "gates.slices.0.metric: there is no metric of slices 'lift'; allowed are ",
        ),
        (
            "{slices: [{metric: accuracy, minimum: 1, features: [colour]}]}",
            "gates.slices: there is no feature 'colour'; ",
        ),
        (
            "{fairness: [{metric: luck, feature: grade, maximum: 1}]}",
            "gates.fairness.0.metric: there is no metric of fairness 'luck'; allowed are ",
        ),
        (
            "{fairness: [{metric: demographic_parity_ratio, feature: grade, minimum: 0.8}]}",
            "there is no feature in evaluation.fairness 'grade'; allowed are ",
        ),
        ("{maximum_bytes: 0}", "gates.maximum_bytes: must be at least 1."),
        ("{deployed: {metric: luck}}", "gates.deployed.metric: must be 'roc_auc', 'log_loss' or 'accuracy'."),
    ],
)
def test_a_gate_that_could_not_be_judged_is_refused(tmp_path: Path, gates: str, sentence: str) -> None:
    assert refusal(tmp_path, f"{TINY}gates: {gates}\n").startswith(sentence)


@pytest.mark.parametrize(
    ("checks", "sentence"),
    [
        ("{invariant: [{feature: colour}]}", "model_checks.invariant: there is no feature 'colour'; "),
        (
            "{directions: [{feature: grade, score: rises}]}",
            "model_checks.directions: there is no number 'grade'; allowed are rate, years.",
        ),
        (
            "{directions: [{feature: rate, score: up}]}",
            "model_checks.directions.0.score: must be 'rises' or 'falls'.",
        ),
        (
            "{golden: [{title: A loan, row: {years: 1}, label: maybe}]}",
            "there is no label 'maybe'; allowed are no, yes.",
        ),
        (
            '{golden: [{title: A loan, row: {years: 0, rate: 1, grade: A, secured: true}, label: "no"}]}',
            "model_checks.golden: A loan: At years: Must be a whole number from 1 to 30.",
        ),
        (
            "{directions: [{feature: years, score: falls, values: [1, 31]}]}",
            "model_checks.directions: years must be from 1 to 30, not 31.",
        ),
        (
            "{directions: [{feature: years, score: falls, values: [2, 1]}]}",
            "model_checks.directions.0.values: values must rise.",
        ),
    ],
)
def test_a_model_check_that_could_not_be_done_is_refused(tmp_path: Path, checks: str, sentence: str) -> None:
    assert refusal(tmp_path, f"{TINY}model_checks: {checks}\n").startswith(sentence)


def test_a_range_of_whole_numbers_stays_one(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    space = (
        "{max_iter: {low: 5, high: 20}, learning_rate: {low: 0.1, high: 1, log: true}, max_depth: [2, null]}"
    )
    path.write_text(f"{TINY}training: {{search: {{space: {space}}}, clip: {{rate: {{high: 0.99}}}}}}\n")
    training = model_spec.load(str(path)).training
    assert training.clip == {"rate": Clip(low=0, high=0.99)}
    assert training.search is not None
    assert training.search.space == {
        "max_iter": Range(low=5, high=20),
        "learning_rate": Range(low=0.1, high=1, log=True),
        "max_depth": (2, None),
    }
    whole = training.search.space["max_iter"]
    assert isinstance(whole, Range)
    assert isinstance(whole.low, int)
