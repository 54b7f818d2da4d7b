"""Against MLflow's own SQLite store and server, and S3 by moto."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import boto3
import httpx
import mlflow
import pytest
from mlflow.exceptions import MlflowException
from moto.server import ThreadedMotoServer

from app.core.contract import load_contract
from model_build import pipeline, stage
from model_build.artifacts import Candidate, ModelReport, SearchReport, TrainingReport
from model_build.errors import BuildError, DataError, GateError
from model_build.stage import Job
from model_build.tracking import registry
from tests.integrations.conftest import Bakery, aliases, artifacts, contents, runs
from tests.support.tiny import TINY, loans

REPOSITORY = Path(__file__).parents[2]
GATE = "gates: {metrics: [{metric: roc_auc, minimum: 0.9999}]}\n"


# A run for every bake


def test_a_run_has_what_went_in(bakery: Bakery, tiny: Path) -> None:
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
        "folds": str(report.folds),
        "calibration": report.calibration.method,
        "threshold": "0.6",
    }
    tags = {"data_source": "real", "data_sha256": origin.data_sha256, "spec_sha256": origin.spec_sha256}
    tags |= {"model_version": "1.2.3", "git_commit": "c0ffee"}
    assert {name: value for name, value in run.data.tags.items() if name in tags} == tags


def test_a_run_has_the_figures_of_the_documents(bakery: Bakery, tiny: Path) -> None:
    (run,) = runs("tiny")
    job, found = bakery.job("tiny"), run.data.metrics
    evaluation = json.loads((tiny / "metrics.json").read_bytes())
    for name, interval in evaluation["intervals"].items():
        assert (found[name], found[f"{name}_low"], found[f"{name}_high"]) == tuple(interval.values())
    for name, spread in TrainingReport.read(job.path("training.json")).cross_validation.items():
        assert found[f"cross_validation_{name}_mean"] == spread.mean
        assert found[f"cross_validation_{name}_deviation"] == spread.deviation
    checks = ModelReport.read(job.path("model-checks.json"))
    assert (found["bytes"], found["microseconds"]) == (checks.bytes, checks.microseconds)
    assert (found["checks_kept"], found["checks_broken"]) == (len(checks.results), 0)


def test_a_run_names_the_worst_slice(bakery: Bakery) -> None:
    job = bakery.job("sliced")
    out = bakery.directory / "models/sliced"
    pipeline.bake(job, out)
    one = {"rows": 90, "positives": 9, "support": {}}
    bounds = {"low": 0.5, "high": 0.9}
    slices = [
        {**one, "features": ["grade"], "levels": ["A"], "metrics": {"accuracy": {"value": 0.8, **bounds}}},
        {
            **one,
            "features": ["grade", "secured"],
            "levels": ["B", "true"],
            "metrics": {"accuracy": {"value": 0.6, **bounds}},
        },
    ]
    job.path("slices.json").write_text(json.dumps({"minimum_rows": 50, "too_small": 0, "slices": slices}))
    with registry.track_bake(job, pipeline.STAGES, out):
        pass
    (run,) = runs("sliced")
    assert run.data.tags["worst_slice"] == "grade B, secured true"
    names = ("worst_slice_accuracy", "worst_slice_accuracy_low", "worst_slice_accuracy_high")
    assert [run.data.metrics[name] for name in names] == [0.6, 0.5, 0.9]


def test_a_run_has_the_data_set_with_its_columns(tiny: Path) -> None:
    (run,) = runs("tiny")
    (used,) = run.inputs.dataset_inputs
    digest = load_contract(tiny).provenance.data_sha256
    assert digest
    assert (used.dataset.name, used.dataset.digest) == ("loans.csv", digest[:36])
    assert json.loads(used.dataset.source) == {"uri": "loans.csv"}
    columns = json.loads(used.dataset.schema)["mlflow_colspec"]
    assert [(each["name"], each["type"], each["required"]) for each in columns] == [
        ("years", "long", True),
        ("rate", "double", False),
        ("grade", "string", False),
        ("secured", "boolean", True),
        ("paid", "string", True),
    ]


@pytest.mark.usefixtures("tiny")
def test_a_run_keeps_everything_that_the_stages_made_but_the_rows_and_the_model() -> None:
    (run,) = runs("tiny")
    made = {name for stage in pipeline.STAGES for name in stage.outputs}
    assert artifacts(run) == {name for name in made if not name.endswith((".csv", ".onnx"))} | {"figures"}
    assert {"eda.html", "card.html", "card.md", "model.joblib", "metrics.json"} <= artifacts(run)


@pytest.mark.usefixtures("tiny")
def test_a_run_shows_the_figures_of_the_card() -> None:
    (run,) = runs("tiny")
    curves = {"roc_curve", "precision_and_recall", "calibration", "lift", "confusion_matrix"}
    features = {f"dependence_on_{name}" for name in ("years", "rate", "grade", "secured")}
    shown = {f"figures/{name}.svg" for name in curves | features | {"importance_of_the_features"}}
    assert artifacts(run, "figures") == shown
    for name in shown:
        drawing = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/{name}")
        assert ET.fromstring(drawing).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - it is ours


def test_the_trials_of_a_search_are_runs_below_the_run(bakery: Bakery) -> None:
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
    *below, run = runs("searched")
    assert {each.data.tags["mlflow.parentRunId"] for each in below} == {run.info.run_id}
    found = {(each.data.params["estimator.max_iter"], each.data.metrics["size"]) for each in below}
    assert found == {("5", 45), ("10", 90)}
    assert {each.data.metrics["cross_validation_roc_auc_mean"] for each in below} == {0.8}


# Bakes that fail


def test_a_gate_that_is_not_kept_leaves_a_failed_run_with_the_report_and_registers_nothing(
    bakery: Bakery,
) -> None:
    pipeline.bake(bakery.job("gated"), bakery.directory / "models/gated")
    job = bakery.job("gated", TINY + GATE)
    with pytest.raises(GateError) as caught:
        bakery.bake(job)
    (run,) = runs("gated")
    assert run.info.status == "FAILED"
    assert run.data.tags["error"] == str(caught.value)
    assert "roc_auc_low" in run.data.metrics
    assert run.data.metrics["checks_broken"] == 1
    assert {"model-checks.json", "eda.html"} <= artifacts(run)
    assert not {"card.html", "card.md"} & artifacts(run)  # those of the bake before
    assert mlflow.MlflowClient().search_registered_models("name = 'gated'") == []


@pytest.mark.parametrize("reports", [[], ["data-checks.json"]])
def test_a_failed_run_has_only_what_this_bake_made(bakery: Bakery, reports: list[str]) -> None:
    job = bakery.job(f"unchecked-{len(reports)}")
    pipeline.bake(job, bakery.directory / "models" / job.spec.name)

    def check_data(_: Job, __: list[str]) -> None:
        for name in reports:
            job.path(name).write_text("{}")
        raise DataError("The data are not what the spec says.")

    makers = [
        replace(each, run=check_data) if each.name == "check-data" else each for each in pipeline.STAGES
    ]
    job.path(".check-data.json").unlink()
    with pytest.raises(DataError), registry.track_bake(job, makers, bakery.directory / "unused"):
        stage.run_stage(makers[3], job, makers)
    (run,) = runs(job.spec.name)
    assert (run.info.status, run.data.metrics) == ("FAILED", {})
    assert artifacts(run) == {"source.json", "cleaning.json", "eda.html", *reports}


def test_a_bake_that_mlflow_does_not_take_either_fails_with_both_sentences(
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


# Servers and S3


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
        return number


@pytest.fixture
def server(port: int, tmp_path: Path) -> Iterator[str]:
    """The URL of MLflow's own server."""
    url = f"http://127.0.0.1:{port}"
    # Without all of MLflow the server runs under gunicorn only, and has no jobs.
    options = {
        "--backend-store-uri": f"sqlite:///{tmp_path}/server.db",
        "--artifacts-destination": str(tmp_path),
        "--port": str(port),
        "--workers": "1",
        "--gunicorn-opts": "--timeout 60",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", *chain.from_iterable(options.items())],
        env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(f"{url}/health", process)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while True:
        assert process.poll() is None
        assert time.monotonic() < deadline
        try:
            httpx.get(url, trust_env=False).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return


def test_a_server_keeps_runs_and_models_as_the_local_store_does(
    bakery: Bakery, server: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    out = bakery.bake(bakery.job("served"))
    (run,) = runs("served")
    assert (run.info.status, aliases("served")) == ("FINISHED", {"candidate": 1, "champion": 1})
    assert "card.html" in artifacts(run)
    assert contents(bakery.restore(bakery.job("served"), "models:/served@champion")) == contents(out)
    assert capfd.readouterr() == ("", "")


def test_a_server_that_is_not_there_is_one_sentence_before_anything_is_baked(
    bakery: Bakery, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@127.0.0.1:{port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(BuildError) as caught:
        bakery.bake(bakery.job("alone"))
    assert str(caught.value) == f"MLflow at {url} can't be reached (ConnectionError)."
    assert not bakery.job("alone").directory.exists()
    with pytest.raises(BuildError) as caught:
        bakery.restore(bakery.job("alone"), "models:/alone/1")
    assert str(caught.value) == f"models:/alone/1 of {url} can't be reached (ConnectionError)."


def test_a_store_that_is_no_database_is_one_sentence(
    bakery: Bakery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.txt").write_text("not a database, but long enough to be taken for one" * 9)
    uri = f"sqlite:///{tmp_path}/notes.txt"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(BuildError) as caught:
        bakery.bake(bakery.job("stored"))
    assert str(caught.value) == f"MLflow at {uri}: (sqlite3.DatabaseError) file is not a database"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of an S3 with the bucket mlflow."""
    service = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    service.start()
    host, port = service.get_host_and_port()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", f"http://{host}:{port}")
    client = boto3.Session().client("s3", endpoint_url=f"http://{host}:{port}")
    client.create_bucket(Bucket="mlflow")
    yield client
    client.close()
    service.stop()


def test_the_files_of_runs_and_models_may_be_in_s3(bakery: Bakery, s3: Any) -> None:
    mlflow.create_experiment("in-s3", "s3://mlflow/census")
    out = bakery.bake(bakery.job("in-s3"))
    keys = {each["Key"].split("/")[-1] for each in s3.list_objects_v2(Bucket="mlflow")["Contents"]}
    assert {"card.html", "MLmodel", "contract.json"} <= keys
    assert contents(bakery.restore(bakery.job("in-s3"), "models:/in-s3/1")) == contents(out)


@pytest.mark.usefixtures("s3")
def test_a_bucket_that_is_not_there_is_one_sentence(bakery: Bakery) -> None:
    mlflow.create_experiment("no-bucket", "s3://absent/census")
    with pytest.raises(BuildError) as caught:
        bakery.bake(bakery.job("no-bucket"))
    out, store = bakery.directory / "models/no-bucket", mlflow.get_tracking_uri()
    assert str(caught.value).startswith(f"{out}/ is baked, but MLflow at {store}: Failed to upload ")
    assert "NoSuchBucket" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert runs("no-bucket")[0].info.status == "FAILED"


# The command line


def command(directory: Path, *arguments: str, code: str = "main()") -> tuple[int, str, str]:
    """Run model_build in a directory with tiny.yaml and its data; return exit code, stdout and stderr."""
    (directory / "tiny.yaml").write_text(TINY)
    (directory / "loans.csv").write_text(loans())
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", f"from model_build.__main__ import main; import sys; {code}", *arguments],
        cwd=directory,
        env=kept | {"PYTHONPATH": str(REPOSITORY), "DATA_DIR": ".", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_local_store_is_in_the_working_directory_and_mlflow_says_nothing(tmp_path: Path) -> None:
    code, printed, errors = command(tmp_path, "bake", "tiny.yaml", "--source", "real", "--track")
    assert (code, errors) == (0, "")
    lines = [line.split(" s  ")[-1] for line in printed.splitlines()]
    assert lines[0] == "Baking tiny 1.2.3"
    assert lines[1].endswith(" of tiny, sqlite:///mlflow.db")
    assert "models:/tiny/1 is the candidate, and as the first one the champion" in lines
    made = {path.name for path in tmp_path.iterdir()} - {"tiny.yaml", "loans.csv"}
    assert made == {"build", "mlflow.db", "mlruns", "model", "model.joblib"}

    arguments = ("bake", "tiny.yaml", "--from-registry", "models:/tiny@champion", "--out", "restored")
    code, printed, errors = command(tmp_path, *arguments)
    assert (code, errors) == (0, "")
    lines = [line.split(" s  ")[-1] for line in printed.splitlines()]
    assert lines[0] == "Baking models:/tiny@champion of sqlite:///mlflow.db"
    assert lines[1].startswith("version 1 (candidate, champion), run ")
    assert lines[-1] == "restored/"
    assert contents(tmp_path / "restored") == contents(tmp_path / "model")


NO_MLFLOW = "sys.modules['mlflow'] = None; main()"


def test_a_plain_bake_needs_no_mlflow(tmp_path: Path) -> None:
    code, _, errors = command(tmp_path, "bake", "tiny.yaml", "--source", "real", code=NO_MLFLOW)
    assert (code, errors) == (0, "")


@pytest.mark.parametrize("option", ["--track", "--from-registry=models:/tiny@champion"])
def test_without_mlflow_it_is_said_what_to_install(tmp_path: Path, option: str) -> None:
    assert command(tmp_path, "bake", "tiny.yaml", option, code=NO_MLFLOW) == (
        1,
        "✗ MLflow is not installed. Run `make lab`, or install model_build/lab-requirements.txt.\n",
        "",
    )


def test_mlflow_sends_no_telemetry(tmp_path: Path) -> None:
    code = "from model_build import tracking; from mlflow.telemetry import get_telemetry_client as client; "
    assert command(tmp_path, code=f"{code} print(client())") == (0, "None\n", "")
