"""The stages from a spec to a baked model, in order: what each reads, does and writes."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import joblib
import pandas as pd

from app.core.contract import CONTRACT_FILE, Contract
from app.core.features import Encoder
from app.core.model import Model
from model_build import atomic
from model_build.artifacts import (
    Cleaning,
    Curves,
    DataReport,
    Evaluation,
    Explanation,
    Fairness,
    GateResult,
    ModelReport,
    Origin,
    Slices,
    TrainingReport,
    Violation,
    file_sha256,
)
from model_build.data import dataset
from model_build.data.dataset import Dataset
from model_build.data.split import split_rows
from model_build.errors import BuildError, DataError, GateError, SourceError
from model_build.evaluation import importance
from model_build.evaluation.curves import compute_curves
from model_build.evaluation.evaluate import evaluate_model as score
from model_build.evaluation.fairness import compute_fairness
from model_build.evaluation.slices import compute_slices
from model_build.export import package
from model_build.export.drift_baseline import compute_drift_baseline
from model_build.export.onnx import convert
from model_build.export.parity import check_parity, measure_latency
from model_build.gates import behaviour, bounds, champion
from model_build.reports import curve_tables, model_card
from model_build.reports.eda import report as exploration
from model_build.stage import Job, Stage, run_stage
from model_build.text import pluralize
from model_build.training import train as training
from model_build.validation import checks

DESCRIBED = ("name", "title", "version", "description", "data", "features", "target", "split", "evaluation")
"""Sections that stand in the contract or the card."""
DOCUMENTS = ("metrics.json", "slices.json", "fairness.json", "importance.json", "curves.json")


def fetch(job: Job, notes: list[str]) -> None:
    """Write the rows as they are at their source."""
    frame, origin = dataset.fetch_rows(job.spec, job.source_mode, job.data_directory, job.progress.warn)
    dataset.write(frame, job.path("raw.csv"))
    origin.write(job.path("source.json"))
    notes.append(f"{origin.source}: {origin.uri}, {pluralize(len(frame), 'row')}")


def eda(job: Job, notes: list[str]) -> None:
    """Write a page to look at before anything is dropped."""
    page = exploration.render_report(
        job.spec, dataset.read(job.path("raw.csv")), Origin.read(job.path("source.json"))
    )
    job.path("eda.html").write_text(page)
    notes.append(str(job.path("eda.html")))


def preprocess(job: Job, notes: list[str]) -> None:
    origin = Origin.read(job.path("source.json"))
    frame, cleaning = dataset.clean(dataset.read(job.path("raw.csv")), job.spec, origin.uri)
    dataset.write(frame, job.path("clean.csv"))
    cleaning.write(job.path("cleaning.json"))
    missing = ", ".join(f"{name} {count:,}" for name, count in cleaning.missing.items() if count)
    notes.append(f"missing values: {missing or 'none'}")
    if job.spec.data.drop_duplicates:
        rows = pluralize(cleaning.rows_read, "row")
        notes.append(f"exact duplicates dropped: {cleaning.duplicates:,} of {rows}")


def check_data(job: Job, notes: list[str]) -> None:
    """Write every violation there is, and stop at one that must not be."""
    rows = job.path("clean.csv")
    report = checks.check_data(
        job.spec,
        dataset.read_clean(rows, job.spec),
        Cleaning.read(job.path("cleaning.json")),
        _reference(job),
    ).model_copy(update={"clean_sha256": file_sha256(rows)})
    report.write(job.path("data-checks.json"))
    _stop_at_failures(job, report)
    notes += [f"warning: {finding.sentence}" for finding in report.violations]
    notes.append(f"{pluralize(len(report.checks), 'check')}, {pluralize(len(report.violations), 'warning')}")


def _reference(job: Job) -> pd.DataFrame | Violation | None:
    """Return the rows that the data are compared with, or the finding that they can't be had."""
    how = job.spec.data_checks.reference
    if how is None:
        return None
    try:
        return dataset.fetch_reference(job.spec, how, job.data_directory)
    except (SourceError, DataError) as error:
        sentence = f"There is no reference to compare with: {str(error).removesuffix('.')}"
        return Violation(check="reference", severity=how.severity, column=None, sentence=sentence)


def _stop_at_failures(job: Job, report: DataReport) -> None:
    if report.fatal_violations:
        sentences = "\n".join(f"  {finding.sentence}" for finding in report.fatal_violations)
        raise DataError(
            f"The data are not what the spec says ({job.path('data-checks.json')} has it all):\n{sentences}"
        )


def segregate(job: Job, notes: list[str]) -> None:
    """Write the rows that train and those that test; rows that a warning is about do neither."""
    rows, checked = job.path("clean.csv"), job.path("data-checks.json")
    report = DataReport.read(checked)
    if report.clean_sha256 != file_sha256(rows):
        raise BuildError(f"{checked} is of other rows; run `{job.command('check-data')}` first.")
    _stop_at_failures(job, report)
    frame = dataset.read_clean(rows, job.spec).drop(index=list(report.left_out))
    parts = split_rows(dataset.build_dataset(frame, job.spec).labels, job.spec.target, job.spec.split)
    dataset.write(frame.iloc[parts.train], job.path("train.csv"))
    dataset.write(frame.iloc[parts.test], job.path("test.csv"))
    notes.append(f"{pluralize(len(parts.train), 'row')} to train, {len(parts.test):,} to test")


def train(job: Job, notes: list[str]) -> None:
    rows = _rows(job, "train.csv")
    matrix = Encoder(job.spec.features)(rows.rows)
    trained = training.train_model(job, matrix, rows.labels)
    onnx = convert(trained.model, job.spec.name, len(job.spec.features))
    seen = compute_drift_baseline(job.spec.features, job.spec.target, matrix, trained.probabilities)
    atomic.dump(trained.model, job.path("model.joblib"))
    job.path("model.onnx").write_bytes(onnx)
    job.path("reference.json").write_bytes(package.to_json(seen))
    trained.report.write(job.path("training.json"))
    notes += [*training.notes(trained.report), f"model.onnx, {len(onnx):,} bytes"]


def evaluate(job: Job, notes: list[str]) -> None:
    spec, rows = job.spec, _rows(job, "test.csv")
    target = TrainingReport.read(job.path("training.json")).with_threshold(spec.target)
    matrix = Encoder(spec.features)(rows.rows)
    fitted = joblib.load(job.path("model.joblib"))
    probabilities = fitted.predict_proba(matrix)
    evaluation = score(target, spec.evaluation, rows.labels, probabilities, spec.split.seed).model_copy(
        update={"model_sha256": file_sha256(job.path("model.onnx"))}
    )
    evaluation.write(job.path("metrics.json"))
    job.path("figures.json").write_bytes(package.to_json(evaluation.metrics))
    drawn = compute_curves(target, rows.labels, probabilities, spec.evaluation.confidence)
    drawn.write(job.path("curves.json"))
    curve_tables.write_curve_tables(drawn, job.directory)
    compute_slices(spec, target, matrix, rows.labels, probabilities).write(job.path("slices.json"))
    compute_fairness(spec, target, matrix, rows.labels, probabilities).write(job.path("fairness.json"))
    importance.explain_model(spec, fitted, matrix, rows.labels).write(job.path("importance.json"))
    found = evaluation.intervals["roc_auc"]
    notes.append(f"ROC AUC {found.value:.4f} ({found.low:.4f} to {found.high:.4f})")


def check_model(job: Job, notes: list[str]) -> None:
    """Hold the model to the gates of the spec and to its promises, through the code that serves."""
    spec, rows, onnx = job.spec, _rows(job, "test.csv"), job.path("model.onnx").read_bytes()
    model = Model(package.build_contract(job), onnx)
    evaluation = Evaluation.read(job.path("metrics.json"))
    by_slice = Slices.read(job.path("slices.json"))
    microseconds = float(f"{measure_latency(model):.3g}")  # more digits are noise
    parity = _parity(job, model, rows)
    verdicts = [
        parity,
        *bounds.check_gates(
            spec.gates,
            Origin.read(job.path("source.json")).source,
            evaluation,
            by_slice,
            Fairness.read(job.path("fairness.json")),
        ),
        *bounds.check_cost_gates(spec.gates, len(onnx), microseconds),
        *behaviour.check_behaviour(model, spec.model_checks, rows.rows, spec.split.seed),
        *_against_deployed(job, model, rows),
    ]
    report = ModelReport(
        results=tuple(verdicts),
        bytes=len(onnx),
        microseconds=microseconds,
        checked=package.artifact_checksums(job),
        gates_checksum=spec.gates_checksum,
    )
    report.write(job.path("model-checks.json"))
    if report.failed:
        job.progress.figures(evaluation, by_slice)
        sentences = "\n".join(f"  {each.sentence}" for each in report.failed)
        raise GateError(
            f"No model was baked; broken are {len(report.failed)} of {len(verdicts)} gates and checks "
            f"({job.path('model-checks.json')} has them all):\n{sentences}"
        )
    unjudged = [each.sentence for each in report.not_judged]
    notes += [parity.sentence, *unjudged, f"{len(report.passed)} gates and checks kept"]


def _parity(job: Job, model: Model, rows: Dataset) -> GateResult:
    expected = joblib.load(job.path("model.joblib")).predict_proba(Encoder(job.spec.features)(rows.rows))
    try:
        found = check_parity(model, rows.rows, expected)
    except GateError as error:
        return GateResult(kind="parity", name="parity", passed=False, sentence=str(error).removesuffix("."))
    sentence = (
        f"{found.rows:,} rows: {found.labels_that_differ} labels differ from scikit-learn's, "
        f"probabilities by at most {found.largest_difference:.1e}"
    )
    return GateResult(kind="parity", name="parity", passed=True, sentence=sentence)


def _against_deployed(job: Job, model: Model, rows: Dataset) -> list[GateResult]:
    """Compare with the model that is deployed, if one is named; one that can't be asked breaks the gate."""
    place = _place_of_the_deployed(job)
    if not place:
        return []
    try:
        return [champion.compare_with_champion(job.spec, place, model, rows.rows, rows.labels)]
    except BuildError as error:
        sentence = str(error).removesuffix(".")
        return [GateResult(kind="deployed", name="deployed", passed=False, sentence=sentence)]


def make_card(job: Job, notes: list[str]) -> None:
    facts = model_card.CardFacts(
        spec=job.spec,
        contract=package.build_contract(job),
        cleaning=Cleaning.read(job.path("cleaning.json")),
        data=DataReport.read(job.path("data-checks.json")),
        training=TrainingReport.read(job.path("training.json")),
        evaluation=Evaluation.read(job.path("metrics.json")),
        curves=Curves.read(job.path("curves.json")),
        slices=Slices.read(job.path("slices.json")),
        fairness=Fairness.read(job.path("fairness.json")),
        explanation=Explanation.read(job.path("importance.json")),
        model=ModelReport.read(job.path("model-checks.json")),
    )
    job.path("card.html").write_text(model_card.render_html(facts))
    job.path("card.md").write_text(model_card.render_markdown(facts))
    notes.append(str(job.path("card.html")))


def _has_a_reference(job: Job) -> bool:
    reference = job.spec.data_checks.reference
    return reference is not None and reference.source is not None


def _place_of_the_deployed(job: Job) -> str | None:
    return job.deployed or job.spec.gates.deployed.model


STAGES = (
    Stage(
        "fetch",
        fetch,
        sections=("data", "features", "target"),
        inputs=(),
        outputs=("raw.csv", "source.json"),
        reads_outside=lambda _: True,
    ),
    Stage(
        "eda",
        eda,
        sections=("name", "title", "data", "features", "target"),
        inputs=("raw.csv", "source.json"),
        outputs=("eda.html",),
    ),
    Stage(
        "preprocess",
        preprocess,
        sections=("data", "features", "target"),
        inputs=("raw.csv", "source.json"),
        outputs=("clean.csv", "cleaning.json"),
    ),
    Stage(
        "check-data",
        check_data,
        sections=("data", "features", "target", "data_checks", "split"),
        inputs=("clean.csv", "cleaning.json"),
        outputs=("data-checks.json",),
        reads_outside=_has_a_reference,
    ),
    Stage(
        "segregate",
        segregate,
        sections=("features", "target", "split"),
        inputs=("clean.csv", "data-checks.json"),
        outputs=("train.csv", "test.csv"),
    ),
    Stage(
        "train",
        train,
        sections=("name", "features", "target", "split", "estimator", "training"),
        inputs=("train.csv",),
        outputs=("model.joblib", "model.onnx", "reference.json", "training.json"),
        options=lambda job: job.search,
    ),
    Stage(
        "evaluate",
        evaluate,
        sections=("features", "target", "split", "evaluation"),
        inputs=("test.csv", "model.joblib", "model.onnx", "training.json"),
        outputs=(*DOCUMENTS, "figures.json", *curve_tables.FILES),
    ),
    Stage(
        "check-model",
        check_model,
        sections=(*DESCRIBED, "gates", "model_checks"),
        inputs=(
            "source.json",
            "test.csv",
            "model.joblib",
            "model.onnx",
            "training.json",
            "metrics.json",
            "slices.json",
            "fairness.json",
        ),
        outputs=("model-checks.json",),
        options=lambda job: job.deployed,
        reads_outside=lambda job: _place_of_the_deployed(job) is not None,
    ),
    Stage(
        "card",
        make_card,
        sections=(*DESCRIBED, "card"),
        inputs=(
            "source.json",
            "cleaning.json",
            "data-checks.json",
            "model.onnx",
            "training.json",
            "model-checks.json",
            *DOCUMENTS,
        ),
        outputs=("card.html", "card.md"),
        options=lambda job: job.spec.sha256,
    ),
)


def run(name: str, job: Job) -> None:
    """Run one stage; what it reads must be there."""
    run_stage(next(stage for stage in STAGES if stage.name == name), job, STAGES)


def bake(job: Job, out: Path, tracked: AbstractContextManager[None] | None = None) -> Contract:
    """Write the baked model of a spec to `out`, and the fitted pipeline beside it as `out`.joblib.

    It is done within `tracked`, which learns how it ends.

    Raises:
        BuildError: no baked model was written, and the one that was at `out` is as it was; or it was
            written, but `tracked` failed afterwards.
    """
    atomic.check_replaceable(out, CONTRACT_FILE)
    job.progress.say(f"Baking {job.spec.name} {job.spec.version}")
    with tracked or nullcontext():
        for stage in STAGES:
            run_stage(stage, job, STAGES)
        return package.package_model(job, out)


def _rows(job: Job, name: str) -> Dataset:
    return dataset.build_dataset(dataset.read_clean(job.path(name), job.spec), job.spec)
