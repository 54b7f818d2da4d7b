"""A run of MLflow for every bake, in MLflow's own SQLite store."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from app.core.baked_model import load_contract
from model_build import pipeline
from model_build.artifacts import Candidate, Interval, SearchReport, Slice, Slices, TrainingReport
from model_build.errors import BuildError, DataError, GateError
from model_build.gate_report import ModelReport
from model_build.stage import Job, run_stage
from model_build.tracking import registry
from tests.integrations.conftest import Bakery, artifacts, runs
from tests.support.tiny import TINY

GATE = "gates: {metrics: [{metric: roc_auc, minimum: 0.9999}]}\n"


# A run for every bake


def test_a_run_has_the_parameters_and_the_provenance(bakery: Bakery, tiny: Path) -> None:
    (run,) = runs("tiny")
    origin, report = (
        load_contract(tiny).provenance,
        TrainingReport.read(bakery.job("tiny").path("training.json")),
    )
    assert run.info.status == "FINISHED"
    assert run.data.params == {
        **{f"estimator.{name}": str(value) for name, value in report.parameters.items()},
        "data_source": "real",
        "estimator": report.estimator,
        "features": "years, rate, grade, secured",
        "rows": "298",
        "test": "0.25",
        "seed": "1",
        "split": "random",
        "folds": str(report.folds),
        "calibration": report.calibration.method,
        "threshold": "0.6",
    }
    tags = {"data_source": "real", "data_sha256": origin.data_sha256, "spec_sha256": origin.spec_sha256}
    tags |= {"model_version": "1.2.3", "git_commit": "c0ffee"}
    assert {name: value for name, value in run.data.tags.items() if name in tags} == tags


def test_a_run_has_the_metrics_of_the_documents(bakery: Bakery, tiny: Path) -> None:
    (run,) = runs("tiny")
    job, metrics = bakery.job("tiny"), run.data.metrics
    evaluation = json.loads((tiny / "metrics.json").read_bytes())
    for name, interval in evaluation["intervals"].items():
        assert (metrics[name], metrics[f"{name}_low"], metrics[f"{name}_high"]) == tuple(interval.values())
    for name, scores in TrainingReport.read(job.path("training.json")).cross_validation.items():
        assert metrics[f"cross_validation_{name}_mean"] == scores.mean
        assert metrics[f"cross_validation_{name}_deviation"] == scores.deviation
    report = ModelReport.read(job.path("model-checks.json"))
    assert (metrics["bytes"], metrics["microseconds"]) == (report.bytes, report.microseconds)
    assert (metrics["gates_passed"], metrics["gates_failed"]) == (len(report.passed), 0)


def make_slice(levels: dict[str, str], accuracy: float) -> Slice:
    return Slice(
        features=tuple(levels),
        levels=tuple(levels.values()),
        rows=90,
        positives=9,
        support={},
        metrics={"accuracy": Interval(value=accuracy, low=0.5, high=0.9)},
    )


def test_a_run_names_the_worst_slice(bakery: Bakery) -> None:
    job = bakery.job("sliced")
    out = bakery.directory / "models/sliced"
    pipeline.bake(job, out)
    slices = Slices(
        minimum_rows=50,
        too_small=0,
        slices=(make_slice({"grade": "A"}, 0.8), make_slice({"grade": "B", "secured": "true"}, 0.6)),
    )
    slices.write(job.path("slices.json"))
    with registry.track_bake(job, pipeline.STAGES, out):
        pass
    (run,) = runs("sliced")
    assert run.data.tags["worst_slice"] == "grade B, secured true"
    names = ("worst_slice_accuracy", "worst_slice_accuracy_low", "worst_slice_accuracy_high")
    assert [run.data.metrics[name] for name in names] == [0.6, 0.5, 0.9]


def test_a_run_has_the_data_set_with_its_columns(tiny: Path) -> None:
    (run,) = runs("tiny")
    (data,) = run.inputs.dataset_inputs
    digest = load_contract(tiny).provenance.data_sha256
    assert digest
    assert (data.dataset.name, data.dataset.digest) == ("loans.csv", digest[:36])
    assert json.loads(data.dataset.source) == {"uri": "loans.csv"}
    columns = json.loads(data.dataset.schema)["mlflow_colspec"]
    assert [(column["name"], column["type"], column["required"]) for column in columns] == [
        ("years", "long", True),
        ("rate", "double", False),
        ("grade", "string", False),
        ("secured", "boolean", True),
        ("paid", "string", True),
    ]


@pytest.mark.usefixtures("tiny")
def test_a_run_keeps_all_outputs_of_the_stages_except_rows_and_model() -> None:
    (run,) = runs("tiny")
    outputs = {name for stage in pipeline.STAGES for name in stage.outputs}
    assert artifacts(run) == {
        name for name in outputs if not name.endswith((".csv", ".onnx", ".parquet"))
    } | {"plots"}
    assert {"eda.html", "card.html", "card.md", "model.joblib", "metrics.json"} <= artifacts(run)


@pytest.mark.usefixtures("tiny")
def test_a_run_shows_the_plots_of_the_card() -> None:
    (run,) = runs("tiny")
    curves = {"roc_curve", "precision_and_recall", "calibration", "lift", "confusion_matrix"}
    features = {f"dependence_on_{name}" for name in ("years", "rate", "grade", "secured")}
    plots = {f"plots/{name}.svg" for name in curves | features | {"importance_of_the_features"}}
    assert artifacts(run, "plots") == plots
    for name in plots:
        drawing = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/{name}")
        assert ET.fromstring(drawing).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - it is ours


def test_the_trials_of_a_search_are_child_runs(bakery: Bakery) -> None:
    job = bakery.job("searched")
    out = bakery.directory / "models/searched"
    pipeline.bake(job, out)
    trials = tuple(
        Candidate(parameters={"max_iter": count}, score=0.8, standard_error=0.01, size=9 * count)
        for count in (5, 10)
    )
    report = TrainingReport.read(job.path("training.json"))
    search = SearchReport(
        method="grid",
        metric="roc_auc",
        repeats=1,
        trials=2,
        pruned=0,
        resumed=0,
        seconds=1.0,
        best=trials[1],
        chosen=trials[0],
        reason="the smallest within one standard error",
        candidates=trials,
        against_default=(),
    )
    report.model_copy(update={"search": search}).write(job.path("training.json"))
    with registry.track_bake(job, pipeline.STAGES, out):
        pass
    *children, run = runs("searched")
    assert {child.data.tags["mlflow.parentRunId"] for child in children} == {run.info.run_id}
    sizes = {(child.data.params["estimator.max_iter"], child.data.metrics["size"]) for child in children}
    assert sizes == {("5", 45), ("10", 90)}
    assert {child.data.metrics["cross_validation_roc_auc_mean"] for child in children} == {0.8}


# Bakes that fail


def test_a_failed_gate_leaves_a_failed_run_with_the_report_and_registers_nothing(bakery: Bakery) -> None:
    pipeline.bake(bakery.job("gated"), bakery.directory / "models/gated")
    job = bakery.job("gated", TINY + GATE)
    with pytest.raises(GateError) as caught:
        bakery.bake(job)
    (run,) = runs("gated")
    assert run.info.status == "FAILED"
    assert run.data.tags["error"] == str(caught.value)
    assert "roc_auc_low" in run.data.metrics
    assert run.data.metrics["gates_failed"] == 1
    assert {"model-checks.json", "eda.html"} <= artifacts(run)
    assert not {"card.html", "card.md"} & artifacts(run)  # those of the bake before
    assert mlflow.MlflowClient().search_registered_models("name = 'gated'") == []


@pytest.mark.parametrize("reports", [[], ["data-checks.json"]])
def test_a_failed_run_has_only_the_outputs_of_its_bake(bakery: Bakery, reports: list[str]) -> None:
    job = bakery.job(f"unchecked-{len(reports)}")
    pipeline.bake(job, bakery.directory / "models" / job.spec.name)

    def check_data(_: Job, __: list[str]) -> None:
        for name in reports:
            job.path(name).write_text("{}")
        raise DataError("The data are not what the spec says.")

    stages = list(pipeline.STAGES)
    stages[3] = replace(stages[3], run=check_data)
    job.path(".check-data.json").unlink()
    with pytest.raises(DataError), registry.track_bake(job, stages, bakery.directory / "unused"):
        run_stage(stages[3], job, stages)
    (run,) = runs(job.spec.name)
    assert (run.info.status, run.data.metrics) == ("FAILED", {})
    assert artifacts(run) == {"source.json", "cleaning.json", "eda.html", *reports}


def test_a_failed_bake_that_mlflow_does_not_keep_fails_with_both_sentences(
    bakery: Bakery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise MlflowException("http://me:secret@host/api is gone\nfor good")

    monkeypatch.setattr("model_build.tracking.runs.log_run", refuse)
    with pytest.raises(BuildError) as caught, registry.track_bake(bakery.job("lost"), (), bakery.directory):
        raise DataError("There are no rows.")
    assert str(caught.value) == (
        f"There are no rows.\nBesides, MLflow at {mlflow.get_tracking_uri()}: http://host/api is gone"
    )
