"""The stages from a spec to a baked model, in their order: what each one reads, does and writes."""

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

import joblib
import numpy as np

from app.core.contract import CONTRACT_FILE, Contract
from app.core.encoders import row_encoder
from model_build import atomic
from model_build.artifacts import (
    Baselines,
    Cleaning,
    Curves,
    DataReport,
    Evaluation,
    Explanation,
    Slices,
    TrainingReport,
    file_sha256,
)
from model_build.data import dataset
from model_build.data.dataset import Dataset
from model_build.data.notes import describe_cleaning, describe_origin
from model_build.data.packed_rows import encode_in_chunks
from model_build.data.row_files import compute_rows_checksum, read_texts, write_rows
from model_build.data.split import split_rows
from model_build.data.split_summary import list_notes, summarize_split
from model_build.evaluation.curves import compute_curves
from model_build.evaluation.evaluate import evaluate_model
from model_build.evaluation.fairness import compute_fairness
from model_build.evaluation.importance import explain_model
from model_build.evaluation.slices import compute_slices
from model_build.export import package
from model_build.export.served_model import serve_evaluated_model, write_refitted_model
from model_build.fairness_report import Fairness
from model_build.gate_report import ModelReport, RefitReport
from model_build.gates import baselines
from model_build.gates.bounds import describe_interval
from model_build.gates.check_model import (
    champion_location,
    check_evaluated_model,
    check_refitted_model,
    describe_results,
    stop_at_failed_gates,
)
from model_build.origin import Origin
from model_build.reports import curve_tables, model_card
from model_build.reports.eda import report as eda_report
from model_build.split_report import SplitReport
from model_build.stability.document import find_report, stability_checksum
from model_build.stage import Job, Stage, run_stage
from model_build.text import pluralize
from model_build.threads import in_thread
from model_build.train_stage import train, training_options
from model_build.validation import checks
from model_build.validation.checked_rows import read_checked_rows, read_reference, stop_at_violations

CONTRACT_SECTIONS = (
    *("name", "title", "version", "description"),
    *("data", "features", "derived", "ids", "target", "weight", "split", "evaluation"),
)
"""Sections that the contract or the card repeats."""
EVALUATION_FILES = ("metrics.json", "slices.json", "fairness.json", "importance.json", "curves.json")
EDA = "eda"
METRIC_VALUES = "metric-values.json"
"""The metrics without their intervals, as `dvc metrics` reads them."""


def fetch(job: Job, notes: list[str]) -> None:
    """Write the rows as they are at their source."""
    frame, origin = dataset.fetch_rows(job.spec, job.source_mode, job.data_directory, job.progress.warn)
    write_rows(frame, job.path("raw.parquet"))
    origin.write(job.path("source.json"))
    notes += describe_origin(origin, len(frame))


def eda(job: Job, notes: list[str]) -> None:
    """Write a report on the data as they are at their source."""
    raw, origin = read_texts(job.path("raw.parquet")), Origin.read(job.path("source.json"))
    job.path("eda.html").write_text(eda_report.render_report(job.spec, raw, origin))
    notes.append(str(job.path("eda.html")))


def preprocess(job: Job, notes: list[str]) -> None:
    """Write the rows with clean values."""
    origin = Origin.read(job.path("source.json"))
    frame, cleaning = dataset.clean(
        read_texts(job.path("raw.parquet")), job.spec, origin.uri, origin.test_from
    )
    set_aside = {"blank_rows": origin.blank_rows, "ignored_columns": origin.ignored_columns}
    cleaning = cleaning.model_copy(update=set_aside)
    write_rows(frame, job.path("clean.parquet"))
    cleaning.write(job.path("cleaning.json"))
    notes += describe_cleaning(cleaning, drops_duplicates=job.spec.data.drop_duplicates)


def check_data(job: Job, notes: list[str]) -> None:
    """Write a report of every violation, and stop if a violation is fatal."""
    clean = job.path("clean.parquet")
    frame, cleaning = dataset.read_clean(clean, job.spec), Cleaning.read(job.path("cleaning.json"))
    report = checks.check_data(job.spec, frame, cleaning, read_reference(job)).model_copy(
        update={"clean_sha256": file_sha256(clean), "clean_rows_checksum": compute_rows_checksum(frame)}
    )
    report.write(job.path("data-checks.json"))
    stop_at_violations(job, report)
    notes += [f"warning: {violation.sentence}" for violation in report.violations]
    notes.append(f"{pluralize(len(report.checks), 'check')}, {pluralize(len(report.violations), 'warning')}")


def segregate(job: Job, notes: list[str]) -> None:
    """Write the training rows and the test rows; rows with a warning are in neither."""
    spec, frame = job.spec, read_checked_rows(job)
    origin, cleaning = Origin.read(job.path("source.json")), Cleaning.read(job.path("cleaning.json"))
    rows = dataset.build_dataset(frame, spec)
    is_test = None if origin.test_from is None else np.asarray(frame.index >= origin.test_from)
    split = split_rows(rows.labels, spec.target, spec.split, rows.carried, is_test)
    write_rows(frame.iloc[split.train], job.path("train.parquet"))
    write_rows(frame.iloc[split.test], job.path("test.parquet"))
    report = summarize_split(spec, split, frame, rows, cleaning, origin)
    report.write(job.path("split.json"))
    notes += list_notes(report, spec.target)


def evaluate(job: Job, notes: list[str]) -> None:
    """Write the metrics of the test rows: overall, by slice and by protected group."""
    spec, rows = job.spec, _rows(job, "test.parquet")
    training_report = TrainingReport.read(job.path("training.json"))
    target = training_report.with_threshold(spec.target)
    matrix = encode_in_chunks(row_encoder(spec.features, spec.derived), rows.rows)
    fitted = joblib.load(job.path("model.joblib"))
    probabilities = fitted.predict_proba(matrix)
    say = job.progress
    explain = partial(explain_model, spec, fitted, training_report.features, matrix, rows.labels)
    with in_thread(partial(explain, say.count("importance of the features"))) as explanation:
        with say.part("metrics of all rows"):
            evaluation = evaluate_model(
                target, spec.evaluation, rows.labels, probabilities, spec.split.seed, rows.carried.weights
            ).model_copy(update={"model_sha256": file_sha256(job.path("model.onnx"))})
        evaluation.write(job.path("metrics.json"))
        job.path(METRIC_VALUES).write_bytes(package.to_json(evaluation.metrics))
        curves = compute_curves(target, rows.labels, probabilities, spec.evaluation.confidence)
        curves.write(job.path("curves.json"))
        curve_tables.write_curve_tables(curves, job.directory)
        groups = (spec, target, matrix, rows.labels, probabilities)
        compute_slices(*groups, say.count("slices")).write(job.path("slices.json"))
        compute_fairness(*groups).write(job.path("fairness.json"))
    explanation.result().write(job.path("importance.json"))
    roc_auc = evaluation.intervals["roc_auc"]
    notes.append(f"ROC AUC {describe_interval(roc_auc)}")


def compare_with_baselines(job: Job, notes: list[str]) -> None:
    """Write by how much the model is better than cheap models of the same rows."""
    compared = baselines.measure_baselines(job, _rows(job, "train.parquet"), _rows(job, "test.parquet"))
    compared.write(job.path("baselines.json"))
    improvements = (
        f"{baseline.improvements[compared.judged_by].value:+.4f} over {baseline.name}"
        for baseline in compared.baselines
    )
    title = {"roc_auc": "ROC AUC", "average_precision": "average precision"}[compared.judged_by]
    notes.append(f"{title} {', '.join(improvements)}")
    notes += baselines.describe_convergence(compared)


def check_model(job: Job, notes: list[str]) -> None:
    """Write the results of all gates, measured through the code that serves, and stop if a gate fails."""
    report = check_evaluated_model(job, _rows(job, "test.parquet"))
    report.write(job.path("model-checks.json"))
    stop_at_failed_gates(job, report, "model-checks.json")
    notes += describe_results(report)


def refit(job: Job, notes: list[str]) -> None:
    """Write the model to serve: the evaluated one, or that one fitted again on all rows and checked again."""
    evaluated = package.read_model_report(job)
    adopted = TrainingReport.read(job.path("training.json")).adopted
    if not job.spec.training.refit or evaluated.failed or adopted:
        report = serve_evaluated_model(job, evaluated)
        reason = "some gates failed" if evaluated.failed else "the spec asks for none"
        reason = "the model was adopted" if adopted else reason
        notes.append(f"no refit, because {reason}: the model stays as it was evaluated")
    else:
        train, test = _rows(job, "train.parquet"), _rows(job, "test.parquet")
        write_refitted_model(job, train + test)
        report = check_refitted_model(job, test, train + test)
        notes += [
            f"fitted again on all {report.rows:,} rows; the metrics are of the model before, which saw only "
            f"the {len(train.rows):,} training rows",
            *describe_results(report),
        ]
    report.write(job.path("refit.json"))
    remedy = "\nThe model before the refit passed; `training.refit: false` bakes that one."
    stop_at_failed_gates(job, report, "refit.json", " after the refit", remedy)


def make_card(job: Job, notes: list[str]) -> None:
    """Write the model card, as a page and as Markdown."""
    served = RefitReport.read(job.path("refit.json"))
    contract = package.build_contract(job, served.fitted_on)
    data = DataReport.read(job.path("data-checks.json"))
    documents = model_card.CardDocuments(
        spec=job.spec,
        contract=contract,
        cleaning=Cleaning.read(job.path("cleaning.json")),
        data=data,
        training=TrainingReport.read(job.path("training.json")),
        evaluation=Evaluation.read(job.path("metrics.json")),
        curves=Curves.read(job.path("curves.json")),
        slices=Slices.read(job.path("slices.json")),
        fairness=Fairness.read(job.path("fairness.json")),
        explanation=Explanation.read(job.path("importance.json")),
        baselines=Baselines.read(job.path("baselines.json")),
        split=SplitReport.read(job.path("split.json")),
        model=ModelReport.read(job.path("model-checks.json")),
        served=served,
        has_eda=not job.skips_eda,
        stability=find_report(
            job.stability_path, job.spec, contract.provenance.data_source, data.rows_checksum
        ),
    )
    job.path("card.html").write_text(model_card.render_html(documents))
    job.path("card.md").write_text(model_card.render_markdown(documents))
    notes.append(str(job.path("card.html")))


def _rows(job: Job, name: str) -> Dataset:
    return dataset.read_dataset(job.path(name), job.spec)


def _has_reference(job: Job) -> bool:
    reference = job.spec.data_checks.reference
    return reference is not None and reference.source is not None


STAGES = (
    Stage(
        "fetch",
        fetch,
        sections=("data", "features", "ids", "target", "weight", "split"),
        inputs=(),
        outputs=("raw.parquet", "source.json"),
        reads_outside=lambda _: True,
    ),
    Stage(
        EDA,
        eda,
        sections=("name", "title", "data", "features", "derived", "ids", "target", "weight", "split"),
        inputs=("raw.parquet", "source.json"),
        outputs=("eda.html",),
    ),
    Stage(
        "preprocess",
        preprocess,
        sections=("data", "features", "ids", "target", "weight", "split"),
        inputs=("raw.parquet", "source.json"),
        outputs=("clean.parquet", "cleaning.json"),
    ),
    Stage(
        "check-data",
        check_data,
        sections=("data", "features", "ids", "target", "data_checks", "split"),
        inputs=("clean.parquet", "cleaning.json"),
        outputs=("data-checks.json",),
        reads_outside=_has_reference,
    ),
    Stage(
        "segregate",
        segregate,
        sections=("features", "target", "weight", "split"),
        inputs=("source.json", "cleaning.json", "clean.parquet", "data-checks.json"),
        outputs=("train.parquet", "test.parquet", "split.json"),
    ),
    Stage(
        "train",
        train,
        sections=("name", "features", "derived", "target", "weight", "split", "estimator", "training"),
        inputs=("train.parquet",),
        outputs=("model.joblib", "model.onnx", "reference.json", "training.json"),
        options=training_options,
    ),
    Stage(
        "evaluate",
        evaluate,
        sections=("features", "derived", "target", "weight", "split", "evaluation"),
        inputs=("test.parquet", "model.joblib", "model.onnx", "training.json"),
        outputs=(*EVALUATION_FILES, METRIC_VALUES, *(table.file for table in curve_tables.TABLES)),
    ),
    Stage(
        "baselines",
        compare_with_baselines,
        sections=("features", "derived", "target", "weight", "split", "training", "evaluation"),
        inputs=("train.parquet", "test.parquet", "model.joblib", "model.onnx", "training.json"),
        outputs=("baselines.json",),
    ),
    Stage(
        "check-model",
        check_model,
        sections=(*CONTRACT_SECTIONS, "gates", "model_checks"),
        inputs=(
            "source.json",
            "test.parquet",
            "model.joblib",
            "model.onnx",
            "training.json",
            "metrics.json",
            "slices.json",
            "fairness.json",
            "baselines.json",
        ),
        outputs=("model-checks.json",),
        options=lambda job: job.deployed,
        reads_outside=lambda job: champion_location(job) is not None,
    ),
    Stage(
        "refit",
        refit,
        sections=(*CONTRACT_SECTIONS, "estimator", "training", "gates", "model_checks"),
        inputs=("train.parquet", "test.parquet", *package.CHECKED, "model-checks.json"),
        outputs=("served.joblib", "served.onnx", "refit.json"),
    ),
    Stage(
        "card",
        make_card,
        sections=(*CONTRACT_SECTIONS, "card"),
        inputs=(
            "source.json",
            "cleaning.json",
            "data-checks.json",
            "split.json",
            "model.onnx",
            "training.json",
            "baselines.json",
            "model-checks.json",
            "refit.json",
            *EVALUATION_FILES,
        ),
        outputs=("card.html", "card.md"),
        options=lambda job: [job.spec.sha256, stability_checksum(job.stability_path), job.skips_eda],
    ),
)


def run(name: str, job: Job) -> None:
    """Run one stage; its inputs must exist."""
    run_stage(next(stage for stage in STAGES if stage.name == name), job, STAGES)


def run_before(name: str, job: Job) -> None:
    """Run all stages before one that a bake needs, so without the report on the data."""
    earlier = STAGES[: [stage.name for stage in STAGES].index(name)]
    for stage in earlier:
        if stage.name != EDA:
            run_stage(stage, job, STAGES)


def stages_of_bake(job: Job) -> tuple[Stage, ...]:
    return tuple(stage for stage in STAGES if not (job.skips_eda and stage.name == EDA))


def bake(job: Job, out: Path, tracking: AbstractContextManager[None] | None = None) -> Contract:
    """Run all stages, and write the baked model to `out` and the fitted pipeline beside it, as `out`.joblib.

    All of it happens within `tracking`, which so learns how the bake ends.

    Raises:
        BuildError: no baked model was written, and `out` is unchanged. Or the baked model was written, and
            `tracking` failed afterwards.
    """
    atomic.check_replaceable(out, CONTRACT_FILE)
    job.progress.say(f"Baking {job.spec.name} {job.spec.version}")
    if job.skips_eda:
        job.progress.say("No report on the data (--no-eda).")
    with tracking or nullcontext():
        for stage in stages_of_bake(job):
            run_stage(stage, job, STAGES)
        return package.package_model(job, out)
