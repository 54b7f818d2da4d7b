"""Single stages, and bakes that must leave the model before as it is."""

import os
from contextlib import nullcontext
from pathlib import Path

import joblib
import numpy as np
import pytest

from app.core.baked_model import load_contract
from app.core.contract import Positions
from app.core.encoders import Encoder
from app.core.model import Model
from app.core.values import Matrix
from model_build import pipeline
from model_build.artifacts import DataReport
from model_build.console import Progress
from model_build.data.dataset import Dataset
from model_build.data.split import split_rows
from model_build.errors import BuildError, DataError, GateError
from model_build.export import package
from model_build.gate_report import ModelReport, RefitReport
from model_build.gates import check_model
from model_build.reports.model_card import to_sentence
from model_build.spec.model_spec import ModelSpec
from model_build.stage import Job
from model_build.training.classifier import fit
from tests.model_build.conftest import BAKED_FILES, directory_contents, load_spec, names_in
from tests.support.bakes import bake, rows_of
from tests.support.tiny import TINY, loans


def gated_spec(directory: Path, gate: str) -> ModelSpec:
    return load_spec(directory, f"{TINY}gates: {{metrics: [{gate}]}}\n")


# The stages of the data


def preprocessed_job(spec: ModelSpec, directory: Path, quiet: Progress, text: str) -> Job:
    (directory / "loans.csv").write_text(text)
    job = Job(spec, directory / "build", directory, quiet, "real")
    job.directory.mkdir(exist_ok=True)
    for stage in (pipeline.fetch, pipeline.preprocess):
        stage(job, [])
    return job


def test_the_notes_count_the_rows_read_and_dropped(
    tmp_path: Path, tiny_spec: ModelSpec, quiet: Progress
) -> None:
    (tmp_path / "loans.csv").write_text("years,rate,grade,secured,paid\n1,1,A,true,no\n")
    job, notes = Job(tiny_spec, tmp_path, tmp_path, quiet, "real"), list[str]()
    for stage in (pipeline.fetch, pipeline.preprocess):
        stage(job, notes)
    assert notes == [
        "real: loans.csv, 1 row",
        "missing values: none",
        "exact duplicates dropped: 0 of 1 row",
    ]


def spec_with_reference(directory: Path, severity: str) -> ModelSpec:
    """Return a spec with a reference that does not exist."""
    reference = f"{{source: {{uri: before.csv}}, severity: {severity}}}"
    return load_spec(directory, f"{TINY}data_checks: {{reference: {reference}}}\n")


def test_a_missing_reference_hides_no_other_violation(tmp_path: Path, quiet: Progress) -> None:
    text = loans().replace("\n", ", 1\n").replace("paid, 1", "paid, zip")
    job = preprocessed_job(spec_with_reference(tmp_path, "fail"), tmp_path, quiet, text.replace("A", "Z"))
    with pytest.raises(DataError) as caught:
        pipeline.check_data(job, [])
    report = DataReport.read(job.path("data-checks.json"))
    assert [violation.check for violation in report.violations] == [
        "categories",
        "columns",
        "cardinality",
        "reference",
    ]
    absent = f"The reference is not available: before.csv is not a file in {tmp_path}"
    assert str(caught.value).splitlines()[1:] == [f"  {report.violations[0].sentence}", f"  {absent}"]


def test_a_missing_reference_only_warns_if_the_spec_says_so(tmp_path: Path, quiet: Progress) -> None:
    notes: list[str] = []
    pipeline.check_data(
        preprocessed_job(spec_with_reference(tmp_path, "warn"), tmp_path, quiet, loans()), notes
    )
    absent = f"The reference is not available: before.csv is not a file in {tmp_path}"
    assert notes == [f"warning: {absent}", "12 checks, 1 warning"]


def test_rows_are_not_split_by_a_report_on_other_rows(
    tiny_spec: ModelSpec, tmp_path: Path, quiet: Progress
) -> None:
    job = preprocessed_job(tiny_spec, tmp_path, quiet, loans(seed=1))
    pipeline.check_data(job, [])
    preprocessed_job(tiny_spec, tmp_path, quiet, loans(seed=2))
    with pytest.raises(BuildError) as caught:
        pipeline.segregate(job, [])
    assert str(caught.value) == (
        f"{job.path('data-checks.json')} is about other rows; run `python -m model_build check-data` first."
    )
    notes: list[str] = []
    pipeline.check_data(job, [])
    pipeline.segregate(job, notes)
    assert notes == ["300 rows to train, 100 to test"]


# What a bake replaces


def test_a_bake_replaces_the_whole_directory_of_the_model_before(
    tiny_spec: ModelSpec, tiny_data: Path, tmp_path: Path, quiet: Progress
) -> None:
    out = tmp_path / "model"
    out.mkdir()
    (out / "contract.json").write_text("old")
    (out / "only-in-the-old").write_text("old")
    contract = bake(tiny_spec, "real", out, tiny_data, quiet)
    assert load_contract(out) == contract
    assert names_in(out) == BAKED_FILES
    assert names_in(tmp_path) == ["model", "model.joblib"]


@pytest.mark.parametrize("name", ["thesis.txt", "contract.json/thesis.txt"])
def test_a_directory_without_a_baked_model_is_left_alone(
    tiny_spec: ModelSpec, tiny_data: Path, tmp_path: Path, quiet: Progress, name: str
) -> None:
    thesis = tmp_path / "work" / name
    thesis.parent.mkdir(parents=True)
    thesis.write_text("years of it")
    for out in (tmp_path / "work", thesis):
        with pytest.raises(DataError) as caught:
            bake(tiny_spec, "real", out, tiny_data, quiet)
        assert str(caught.value) == (
            f"{out} exists and is not a baked model; name another directory with --out."
        )
    assert thesis.read_text() == "years of it"


# Gates


def test_failed_gates_leave_the_model_before_and_write_a_report(
    tiny_model: Path, tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model"
    out.mkdir()
    for name, content in directory_contents(tiny_model).items():
        (out / name).write_bytes(content)
    gates = [
        "{metric: f1, minimum: 0.99}",
        "{metric: accuracy, minimum: 0.1}",
        "{metric: log_loss, maximum: 0.01}",
    ]
    with pytest.raises(GateError) as caught:
        bake(gated_spec(tmp_path, ", ".join(gates)), "real", out, tiny_data, Progress(), tmp_path / "build")
    assert directory_contents(out) == directory_contents(tiny_model)
    assert names_in(tmp_path) == ["build", "model", "spec.yaml"]
    report = ModelReport.read(tmp_path / "build/model-checks.json")
    assert [(result.name, result.passed) for result in report.results if result.kind == "metric"] == [
        ("f1", False),
        ("accuracy", True),
        ("log_loss", False),
    ]
    assert all(result.sentence in str(caught.value) for result in report.failed)
    printed = capsys.readouterr().out
    assert "Test split, 100 rows" in printed
    assert "Confusion matrix" in printed


@pytest.mark.parametrize("gate", ["{metric: roc_auc, minimum: 0.4}", "{metric: log_loss, maximum: 2}"])
def test_a_model_that_passes_its_gate_is_baked(
    tiny_data: Path, tmp_path: Path, quiet: Progress, gate: str
) -> None:
    bake(gated_spec(tmp_path, gate), "real", tmp_path / "model", tiny_data, quiet)
    assert names_in(tmp_path / "model") == BAKED_FILES


@pytest.mark.parametrize(
    ("measured", "passed", "sentence"),
    [
        (62.4567, False, "one row takes 62.5 µs; the limit is 50 µs, exceeded by 12.5 µs"),
        (50.04, True, "one row takes 50 µs; the limit is 50 µs"),
    ],
)
def test_report_and_gate_have_the_same_three_digits_of_the_time(
    tiny_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    measured: float,
    passed: bool,
    sentence: str,
) -> None:
    monkeypatch.setattr(check_model, "measure_latency", lambda _: measured)
    spec = load_spec(tmp_path, TINY + "gates: {maximum_microseconds: 50}\n")
    with nullcontext() if passed else pytest.raises(GateError):
        bake(spec, "real", tmp_path / "model", tiny_data, Progress(), tmp_path / "build")
    report = ModelReport.read(tmp_path / "build/model-checks.json")
    [result] = [result for result in report.results if result.kind == "latency"]
    assert (result.passed, result.sentence) == (passed, sentence)
    assert f"one row takes {report.microseconds:g} µs" in sentence


NO_SUBJECT = "{metric: accuracy, minimum: 0.9, minimum_rows: 1000}"


def test_a_gate_with_nothing_to_judge_stops_the_bake(tiny_data: Path, tmp_path: Path) -> None:
    spec = load_spec(tmp_path, TINY + f"gates: {{slices: [{NO_SUBJECT}]}}\n")
    with pytest.raises(GateError, match="nothing to judge; lower minimum_rows, or say `optional: true`"):
        bake(spec, "real", tmp_path / "model", tiny_data, Progress(), tmp_path / "build")


def test_an_optional_gate_with_nothing_to_judge_is_noted_and_not_counted_as_passed(
    tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate = NO_SUBJECT.replace("}", ", optional: true}")
    spec = load_spec(tmp_path, TINY + f"gates: {{slices: [{gate}]}}\n")
    bake(spec, "real", tmp_path / "model", tiny_data, Progress(), tmp_path / "build")
    *_, unjudged, passed = capsys.readouterr().out.partition("✓ refit")[0].splitlines()
    assert unjudged.strip() == (
        "accuracy of slices: no slice has at least 1,000 rows for accuracy, so there was nothing to judge"
    )
    assert passed.strip() == "5 gates passed"


def test_a_model_that_is_no_better_than_a_baseline_is_baked_with_a_warning(
    tiny_spec: ModelSpec, tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bake(tiny_spec, "real", tmp_path / "model", tiny_data, Progress(), tmp_path / "build")
    report = ModelReport.read(tmp_path / "build/model-checks.json")
    warning = report.warnings[0]
    assert (warning.kind, report.failed) == ("baseline", ())
    lines = capsys.readouterr().out.splitlines()
    assert [line.rpartition("  ")[2] for line in lines if warning.sentence in line] == [
        f"warning: {warning.sentence}",
        f"Warning: {warning.sentence}",
    ]
    assert f"**Warning.** {to_sentence(warning.sentence)}" in (tmp_path / "model/card.md").read_text()


def test_a_gate_for_the_other_data_source_is_ignored(
    tiny_data: Path, tmp_path: Path, quiet: Progress
) -> None:
    synthetic_only = gated_spec(tmp_path, "{metric: roc_auc, minimum: 1, data_source: synthetic}")
    bake(synthetic_only, "real", tmp_path / "model", tiny_data, quiet)
    assert names_in(tmp_path / "model") == BAKED_FILES


def test_an_onnx_model_that_differs_from_scikit_learn_is_not_baked(
    tiny_spec: ModelSpec, tiny_data: Path, tmp_path: Path, quiet: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    probabilities = Model.probabilities
    monkeypatch.setattr(Model, "probabilities", lambda *arguments: probabilities(*arguments)[:, ::-1])
    with pytest.raises(
        GateError,
        match=r"^No model was baked: 1 of 7 gates failed \(.*\):\n"
        r"  The ONNX model does not predict as scikit-learn does: \d+ of 100 labels differ",
    ):
        bake(tiny_spec, "real", tmp_path / "model", tiny_data, quiet)
    assert names_in(tmp_path) == []


# The refit


def test_refitted_model_has_learnt_from_all_rows_and_has_the_metrics_of_the_one_before(
    tiny_model: Path, tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, out = load_spec(tmp_path, f"{TINY}training: {{refit: true}}\n"), tmp_path / "model"
    contract = bake(spec, "real", out, tiny_data, Progress(), tmp_path / "build")
    before = load_contract(tiny_model)
    assert contract.provenance.fitted_on == "training and test rows"
    assert (contract.metrics, contract.target) == (before.metrics, before.target)
    for name in ("metrics.json", "slices.json", "reference.json"):
        assert (out / name).read_bytes() == (tiny_model / name).read_bytes()
    assert (out / "evaluated.onnx").read_bytes() == (tiny_model / "model.onnx").read_bytes()

    data = rows_of(spec, "real", tiny_data)
    model, fitted = Model.load(out), joblib.load(tmp_path / "model.joblib")
    matrix = model.encode(data.rows)
    expected = fit(spec, spec.estimator.parameters, *in_the_order_of_the_split(spec, data))
    np.testing.assert_array_equal(fitted.classifier.predict_proba(matrix), expected.predict_proba(matrix))
    np.testing.assert_allclose(model.probabilities(matrix), fitted.predict_proba(matrix), atol=1e-6)

    notes = capsys.readouterr().out.partition("✓ refit")[2].partition("✓ card")[0].splitlines()
    assert [note.split(" s  ")[-1].strip() for note in notes[:1] + notes[-1:]] == [
        "fitted again on all 398 rows; the metrics are of the model before, which saw only the 298 training "
        "rows",
        "5 gates passed",
    ]
    assert notes[1].strip().startswith("398 rows: 0 labels differ from scikit-learn's, ")


def in_the_order_of_the_split(spec: ModelSpec, data: Dataset) -> tuple[Matrix, Positions]:
    split = split_rows(data.labels, spec.target, spec.split)
    order = np.concatenate([split.train, split.test])
    return Encoder(spec.features)([data.rows[position] for position in order]), data.labels[order]


def test_without_a_refit_the_evaluated_model_is_served(
    tiny_spec: ModelSpec, tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = Job(tiny_spec, tmp_path / "build", tiny_data, Progress(), "real")
    pipeline.bake(job, tmp_path / "model")
    evaluated = ModelReport.read(job.path("model-checks.json"))
    report = RefitReport.read(job.path("refit.json"))
    assert report.model_dump(exclude={"checked"}) == {
        "results": (),
        "bytes": evaluated.bytes,
        "microseconds": evaluated.microseconds,
        "gates_checksum": evaluated.gates_checksum,
        "fitted_on": "training rows",
        "rows": 298,
    }
    for suffix in ("onnx", "joblib"):
        served, model = (job.path(f"{name}.{suffix}").read_bytes() for name in ("served", "model"))
        assert served == model
    note = "no refit, because the spec asks for none: the model stays as it was evaluated"
    assert note in capsys.readouterr().out


def test_refitted_model_that_fails_a_gate_leaves_the_model_before(
    tiny_data: Path, tmp_path: Path, quiet: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"{TINY}training: {{refit: true}}\ngates: {{maximum_microseconds: 50}}\n"
    spec, out = load_spec(tmp_path, text), tmp_path / "model"
    monkeypatch.setattr(check_model, "measure_latency", lambda _: 40.0)
    bake(spec, "real", out, tiny_data, quiet, tmp_path / "build-before")
    before = directory_contents(out)
    times = iter([40.0, 60.0])
    monkeypatch.setattr(check_model, "measure_latency", lambda _: next(times))
    job = Job(spec, tmp_path / "build", tiny_data, quiet, "real")
    with pytest.raises(GateError) as caught:
        pipeline.bake(job, out)
    assert directory_contents(out) == before
    assert str(caught.value) == (
        f"No model was baked: 1 of 6 gates failed after the refit ({job.path('refit.json')} has all "
        "results):\n  one row takes 60 µs; the limit is 50 µs, exceeded by 10 µs\n"
        "The model before the refit passed; `training.refit: false` bakes that one."
    )
    pipeline.run("card", job)
    assert "> **Do not use this model.** It fails 1 of 14 [gates]" in job.path("card.md").read_text()
    with pytest.raises(GateError) as caught:
        package.package_model(job, out)
    assert str(caught.value) == "No model was baked: 1 of 6 gates failed after the refit (microseconds)."


def test_model_that_fails_a_gate_is_not_refitted_and_its_card_says_so(
    tiny_data: Path, tmp_path: Path, quiet: Progress
) -> None:
    spec = load_spec(
        tmp_path, f"{TINY}training: {{refit: true}}\ngates: {{metrics: [{{metric: f1, minimum: 0.99}}]}}\n"
    )
    job = Job(spec, tmp_path / "build", tiny_data, quiet, "real")
    with pytest.raises(GateError):
        pipeline.bake(job, tmp_path / "model")
    notes: list[str] = []
    pipeline.refit(job, notes)
    assert notes == ["no refit, because some gates failed: the model stays as it was evaluated"]
    pipeline.run("card", job)
    assert "> **Do not use this model.** It fails 1 of 8 [gates]" in job.path("card.md").read_text()


# Rows that can not train


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "years,rate,grade,secured,paid\n1,1,A,true,no\n2,1,A,true,no\n",
            "No training row has paid yes.",
        ),
        (
            "years,rate,grade,secured,paid\n1,1,A,true,no\n2,1,A,true,yes\n",
            "Only 1 row has paid no; the split needs one to train and one to test.",
        ),
    ],
)
def test_rows_that_can_not_train_leave_no_files(
    tiny_spec: ModelSpec, tmp_path: Path, quiet: Progress, text: str, sentence: str
) -> None:
    (tmp_path / "loans.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        bake(tiny_spec, "real", tmp_path / "model", tmp_path, quiet)
    assert str(caught.value) == sentence
    assert names_in(tmp_path) == ["loans.csv"]


def test_a_full_disk_leaves_the_model_before(
    tiny_spec: ModelSpec, tiny_data: Path, tmp_path: Path, quiet: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "model"
    before = bake(tiny_spec, "real", out, tiny_data, quiet)

    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left on device"):
        bake(tiny_spec, "real", out, tiny_data, quiet)
    assert load_contract(out) == before
    assert names_in(tmp_path) == ["model", "model.joblib"]
