import json
import os
import re
import subprocess
import sys
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import joblib
import numpy as np
import pytest

from app.core.contract import load_contract, sha256
from app.core.features import Encoder
from app.core.model import Model
from model_build import pipeline
from model_build.artifacts import DataReport, ModelReport, file_sha256
from model_build.console import Progress
from model_build.data.split import split_rows
from model_build.errors import BuildError, DataError, GateError
from model_build.export.parity import LARGEST_DIFFERENCE, check_parity
from model_build.git import git_commit
from model_build.spec import model_spec
from model_build.spec.model_spec import ModelSpec
from model_build.stage import LIBRARIES, TRAINING_CODE, Job
from tests.support.bakes import bake, rows_of
from tests.support.tiny import TINY, loans

REPOSITORY = Path(__file__).parents[2]
FILES = [
    "card.html",
    "card.md",
    "contract.json",
    "metrics.json",
    "model.onnx",
    "reference.json",
    "slices.json",
]
SAME = ["metrics.json", "model.onnx", "reference.json", "slices.json"]


def contents(path: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in path.iterdir()}


def names_in(path: Path) -> list[str]:
    return sorted(each.name for each in path.iterdir())


def gated(tmp_path: Path, *gates: str, text: str = TINY) -> ModelSpec:
    path = tmp_path / "gated.yaml"
    path.write_text(f"{text}gates: {{metrics: [{', '.join(gates)}]}}\n")
    return model_spec.load(str(path))


# The stages of the data


def prepared(spec: ModelSpec, directory: Path, quiet: Progress, text: str) -> Job:
    """Return a job whose rows are preprocessed."""
    (directory / "loans.csv").write_text(text)
    job = Job(spec, directory / "build", directory, quiet, "real")
    job.directory.mkdir(exist_ok=True)
    for stage in (pipeline.fetch, pipeline.preprocess):
        stage(job, [])
    return job


def test_what_was_read_and_dropped_is_noted(tmp_path: Path, tiny_spec: ModelSpec, quiet: Progress) -> None:
    (tmp_path / "loans.csv").write_text("years,rate,grade,secured,paid\n1,1,A,true,no\n")
    job, notes = Job(tiny_spec, tmp_path, tmp_path, quiet, "real"), list[str]()
    for stage in (pipeline.fetch, pipeline.preprocess):
        stage(job, notes)
    assert notes == [
        "real: loans.csv, 1 row",
        "missing values: none",
        "exact duplicates dropped: 0 of 1 row",
    ]


def compared(tmp_path: Path, severity: str) -> ModelSpec:
    """Return a spec with a reference that is no file."""
    (tmp_path / "compared.yaml").write_text(
        f"{TINY}data_checks: {{reference: {{source: {{uri: before.csv}}, severity: {severity}}}}}\n"
    )
    return model_spec.load(str(tmp_path / "compared.yaml"))


def test_a_reference_that_is_not_to_be_had_hides_no_other_violation(tmp_path: Path, quiet: Progress) -> None:
    text = loans().replace("\n", ", 1\n").replace("paid, 1", "paid, zip")
    job = prepared(compared(tmp_path, "fail"), tmp_path, quiet, text.replace("A", "Z"))
    with pytest.raises(DataError) as caught:
        pipeline.check_data(job, [])
    report = DataReport.read(job.path("data-checks.json"))
    assert [each.check for each in report.violations] == ["categories", "columns", "cardinality", "reference"]
    absent = f"There is no reference to compare with: before.csv is not a file in {tmp_path}"
    assert str(caught.value).splitlines()[1:] == [f"  {report.violations[0].sentence}", f"  {absent}"]


def test_a_reference_that_is_not_to_be_had_only_warns_if_the_spec_says_so(
    tmp_path: Path, quiet: Progress
) -> None:
    notes: list[str] = []
    pipeline.check_data(prepared(compared(tmp_path, "warn"), tmp_path, quiet, loans()), notes)
    absent = f"There is no reference to compare with: before.csv is not a file in {tmp_path}"
    assert notes == [f"warning: {absent}", "10 checks, 1 warning"]


def test_rows_are_not_set_aside_by_the_checks_of_other_rows(
    tiny_spec: ModelSpec, tmp_path: Path, quiet: Progress
) -> None:
    job = prepared(tiny_spec, tmp_path, quiet, loans(seed=1))
    pipeline.check_data(job, [])
    prepared(tiny_spec, tmp_path, quiet, loans(seed=2))
    with pytest.raises(BuildError) as caught:
        pipeline.segregate(job, [])
    assert str(caught.value) == (
        f"{job.path('data-checks.json')} is of other rows; run `python -m model_build check-data` first."
    )
    notes: list[str] = []
    pipeline.check_data(job, [])
    pipeline.segregate(job, notes)
    assert notes == ["300 rows to train, 100 to test"]


# What a bake writes


def test_a_bake_writes_the_model_and_the_pipeline_beside_it(tiny_model: Path) -> None:
    assert names_in(tiny_model) == FILES
    assert names_in(tiny_model.parent) == ["model", "model.joblib"]


def test_the_contract_says_all_that_the_service_needs(
    tiny_model: Path, tiny_spec: ModelSpec, tiny_data: Path
) -> None:
    document = json.loads((tiny_model / "contract.json").read_text())
    metrics = json.loads((tiny_model / "metrics.json").read_text())
    trained_at = datetime.fromisoformat(document["provenance"].pop("trained_at"))
    assert timedelta() <= datetime.now(UTC) - trained_at < timedelta(hours=1)
    assert document == {
        "schema_version": 1,
        "name": "tiny",
        "title": "Tiny loans",
        "description": "Will it be paid back?",
        "model_version": "1.2.3",
        "features": [feature.model_dump(mode="json") for feature in tiny_spec.features],
        "target": {"name": "paid", "labels": ["no", "yes"], "positive": "yes", "threshold": 0.6},
        "metrics": metrics["metrics"],
        "provenance": {
            "data_source": "real",
            "data_uri": "loans.csv",
            "data_sha256": file_sha256(tiny_data / "loans.csv"),
            "rows": 398,
            "licence": "none",
            "spec_sha256": sha256(TINY.encode()),
            "git_commit": git_commit(TRAINING_CODE),
            "libraries": {name: version(name) for name in LIBRARIES},
        },
        "files": {
            name: sha256((tiny_model / name).read_bytes()) for name in FILES if name != "contract.json"
        },
    }


def test_the_metrics_are_those_of_the_test_split(
    tiny_model: Path, tiny_spec: ModelSpec, tiny_data: Path
) -> None:
    document = json.loads((tiny_model / "metrics.json").read_text())
    found = rows_of(tiny_spec, "real", tiny_data)
    parts = split_rows(found.labels, tiny_spec.target, tiny_spec.split)
    answers = joblib.load(tiny_model.with_name("model.joblib")).predict_proba(
        Encoder(tiny_spec.features)([found.rows[position] for position in parts.test])
    )
    right = tiny_spec.target.decide(answers) == found.labels[parts.test]
    assert document["rows"] == len(parts.test) == 100
    assert document["labels"] == ["no", "yes"]
    assert document["metrics"]["accuracy"] == right.mean()
    assert np.trace(document["confusion_matrix"]) == right.sum()
    assert np.sum(document["confusion_matrix"]) == 100
    assert json.loads((tiny_model / "reference.json").read_text())["rows"] == len(parts.train) == 298


def test_the_pipeline_beside_the_model_answers_as_the_model_does(
    tiny_model: Path, tiny_spec: ModelSpec, tiny_data: Path
) -> None:
    found = rows_of(tiny_spec, "real", tiny_data)
    matrix = Encoder(tiny_spec.features)(found.rows)
    expected = joblib.load(tiny_model.with_name("model.joblib")).predict_proba(matrix)
    assert check_parity(Model.load(tiny_model), found.rows, expected).labels_that_differ == 0


def test_a_bake_replaces_the_whole_of_the_model_before(
    tiny_spec: ModelSpec, tiny_data: Path, tmp_path: Path, quiet: Progress
) -> None:
    out = tmp_path / "model"
    out.mkdir()
    (out / "contract.json").write_text("old")
    (out / "only-in-the-old").write_text("old")
    contract = bake(tiny_spec, "real", out, tiny_data, quiet)
    assert load_contract(out) == contract
    assert names_in(out) == FILES
    assert names_in(tmp_path) == ["model", "model.joblib"]


@pytest.mark.parametrize("name", ["thesis.txt", "contract.json/thesis.txt"])
def test_a_directory_that_is_no_baked_model_is_left_alone(
    tiny_spec: ModelSpec, tiny_data: Path, tmp_path: Path, quiet: Progress, name: str
) -> None:
    thesis = tmp_path / "work" / name
    thesis.parent.mkdir(parents=True)
    thesis.write_text("years of it")
    for out in (tmp_path / "work", thesis):
        with pytest.raises(DataError) as refused:
            bake(tiny_spec, "real", out, tiny_data, quiet)
        assert str(refused.value) == (
            f"{out} exists and is not a baked model; name another directory with --out."
        )
    assert thesis.read_text() == "years of it"


def test_a_target_of_three_labels_is_baked(tiny_data: Path, tmp_path: Path, quiet: Progress) -> None:
    lines = (tiny_data / "loans.csv").read_text().splitlines()
    late = [re.sub("yes$", "late", line) if number % 3 == 0 else line for number, line in enumerate(lines)]
    (tmp_path / "loans.csv").write_text("\n".join(late))
    text = TINY.replace(
        'labels: ["no", "yes"], positive: "yes", threshold: 0.6', 'labels: ["no", late, "yes"]'
    )
    three = gated(tmp_path, "{metric: roc_auc, minimum: 0.4}", text=text)
    contract = bake(three, "real", tmp_path / "model", tmp_path, quiet)
    model = Model.load(tmp_path / "model")
    assert contract.target.labels == ("no", "late", "yes")
    assert model.probabilities(model.encode([contract.example])).shape == (1, 3)


# Gates


def test_gates_that_are_not_kept_leave_the_model_before_and_a_report(
    tiny_model: Path, tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model"
    out.mkdir()
    for name, content in contents(tiny_model).items():
        (out / name).write_bytes(content)
    gates = [
        "{metric: f1, minimum: 0.99}",
        "{metric: accuracy, minimum: 0.1}",
        "{metric: log_loss, maximum: 0.01}",
    ]
    with pytest.raises(GateError) as caught:
        bake(gated(tmp_path, *gates), "real", out, tiny_data, Progress(), tmp_path / "build")
    assert contents(out) == contents(tiny_model)
    assert names_in(tmp_path) == ["build", "gated.yaml", "model"]
    report = ModelReport.read(tmp_path / "build/model-checks.json")
    assert [(each.name, each.passed) for each in report.results if each.kind == "metric"] == [
        ("f1", False),
        ("accuracy", True),
        ("log_loss", False),
    ]
    assert all(each.sentence in str(caught.value) for each in report.failed)
    printed = capsys.readouterr().out
    assert "Test split, 100 rows" in printed
    assert "Confusion matrix" in printed


@pytest.mark.parametrize("gate", ["{metric: roc_auc, minimum: 0.4}", "{metric: log_loss, maximum: 2}"])
def test_a_gate_that_is_kept_lets_the_model_be_baked(
    tiny_data: Path, tmp_path: Path, quiet: Progress, gate: str
) -> None:
    bake(gated(tmp_path, gate), "real", tmp_path / "model", tiny_data, quiet)
    assert names_in(tmp_path / "model") == FILES


@pytest.mark.parametrize(
    ("found", "kept", "sentence"),
    [
        (62.4567, False, "one row takes 62.5 µs, the gate wants at most 50: 12.5 µs too long"),
        (50.04, True, "one row takes 50 µs, the gate wants at most 50"),
    ],
)
def test_report_and_gate_have_the_same_three_digits_of_the_time(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: float, kept: bool, sentence: str
) -> None:
    monkeypatch.setattr(pipeline, "measure_latency", lambda _: found)
    path = tmp_path / "fast.yaml"
    path.write_text(TINY + "gates: {maximum_microseconds: 50}\n")
    fast = model_spec.load(str(path))
    with nullcontext() if kept else pytest.raises(GateError):
        bake(fast, "real", tmp_path / "model", tiny_data, Progress(), tmp_path / "build")
    report = ModelReport.read(tmp_path / "build/model-checks.json")
    [verdict] = [each for each in report.results if each.kind == "latency"]
    assert (verdict.passed, verdict.sentence) == (kept, sentence)
    assert f"one row takes {report.microseconds:g} µs" in sentence


def test_a_gate_that_judged_nothing_is_noted_and_not_counted_as_kept(
    tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "silent.yaml"
    path.write_text(TINY + "gates: {slices: [{metric: accuracy, minimum: 0.9, minimum_rows: 1000}]}\n")
    silent = model_spec.load(str(path))
    bake(silent, "real", tmp_path / "model", tiny_data, Progress(), tmp_path / "build")
    *_, nothing, kept = capsys.readouterr().out.partition("✓ card")[0].splitlines()
    assert nothing.strip() == (
        "accuracy of slices: no figure is of at least 1,000 rows, so the gate judged nothing"
    )
    assert kept.strip() == "5 gates and checks kept"


def test_a_gate_for_the_other_data_source_is_ignored(
    tiny_data: Path, tmp_path: Path, quiet: Progress
) -> None:
    synthetic_only = gated(tmp_path, "{metric: roc_auc, minimum: 1, data_source: synthetic}")
    bake(synthetic_only, "real", tmp_path / "model", tiny_data, quiet)
    assert names_in(tmp_path / "model") == FILES


def test_a_served_model_that_differs_leaves_the_model_before(
    tiny_spec: ModelSpec, tiny_data: Path, tmp_path: Path, quiet: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    probabilities = Model.probabilities
    monkeypatch.setattr(Model, "probabilities", lambda *given: probabilities(*given)[:, ::-1])
    with pytest.raises(
        GateError,
        match=r"^No model was baked; broken are 1 of 5 gates and checks \(.*\):\n"
        r"  The ONNX model does not answer as scikit-learn does: \d+ labels of 100",
    ):
        bake(tiny_spec, "real", tmp_path / "model", tiny_data, quiet)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "years,rate,grade,secured,paid\n1,1,A,true,no\n2,1,A,true,no\n",
            "There is no row to train on with paid yes.",
        ),
        (
            "years,rate,grade,secured,paid\n1,1,A,true,no\n2,1,A,true,yes\n",
            "Only 1 row has paid no; the split needs one to train and one to test.",
        ),
    ],
)
def test_rows_that_cannot_train_leave_nothing(
    tiny_spec: ModelSpec, tmp_path: Path, quiet: Progress, text: str, sentence: str
) -> None:
    (tmp_path / "loans.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        bake(tiny_spec, "real", tmp_path / "model", tmp_path, quiet)
    assert str(caught.value) == sentence
    assert names_in(tmp_path) == ["loans.csv"]


def test_a_disk_that_is_full_leaves_the_model_before(
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


# The same spec, data and seed give the same bytes

BAKE = """
import sys
from pathlib import Path
from rich.console import Console
from model_build import pipeline
from model_build.console import Progress
from model_build.spec import model_spec
from model_build.stage import Job

name, source, data, *outs = sys.argv[1:]
for name, source, out in zip((name, "census"), (source, "synthetic"), outs):
    progress = Progress(Console(quiet=True))
    job = Job(model_spec.load(name), Path(out + "-build"), Path(data), progress, source)
    pipeline.bake(job, Path(out))
"""


def start_a_bake(directory: Path, tiny_data: Path, threads: int) -> subprocess.Popen[bytes]:
    """Bake the tiny model and the synthetic census model in a process of so many threads."""
    outs = [directory / f"{name}-{threads}" for name in ("tiny", "census")]
    arguments = [str(directory / "tiny.yaml"), "real", str(tiny_data), *map(str, outs)]
    settings = {
        "OMP_NUM_THREADS": str(threads),
        "PYTHONHASHSEED": str(threads),
    }
    return subprocess.Popen(
        [sys.executable, "-c", BAKE, *arguments], cwd=REPOSITORY, env=os.environ | settings
    )


def test_the_same_spec_data_and_seed_give_the_same_bytes_however_many_threads(
    tmp_path: Path, tiny_data: Path
) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    with start_a_bake(tmp_path, tiny_data, 1) as one, start_a_bake(tmp_path, tiny_data, 2) as two:
        pass
    assert (one.returncode, two.returncode) == (0, 0)
    for name in ("tiny", "census"):
        ones, twos = contents(tmp_path / f"{name}-1"), contents(tmp_path / f"{name}-2")
        assert {file: ones[file] for file in SAME} == {file: twos[file] for file in SAME}


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("random_forest", "{n_estimators: 10}"), ("decision_tree", "{}"), ("logistic_regression", "{}")],
)
def test_every_estimator_gives_the_same_bytes_again(
    tiny_data: Path, tmp_path: Path, quiet: Progress, name: str, parameters: str
) -> None:
    text = TINY.replace(
        "name: hist_gradient_boosting, parameters: {max_iter: 5}", f"name: {name}, parameters: {parameters}"
    )
    again = gated(tmp_path, text=text)
    for out in ("one", "two"):
        bake(again, "real", tmp_path / out, tiny_data, quiet, tmp_path / f"build-{out}")
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert {file: one[file] for file in SAME} == {file: two[file] for file in SAME}


def test_another_seed_gives_other_bytes(
    tiny_model: Path, tiny_data: Path, tmp_path: Path, quiet: Progress
) -> None:
    other = gated(tmp_path, text=TINY.replace("seed: 1", "seed: 2"))
    bake(other, "real", tmp_path / "model", tiny_data, quiet)
    assert (tmp_path / "model/model.onnx").read_bytes() != (tiny_model / "model.onnx").read_bytes()


# The census model


def test_the_synthetic_census_model_says_that_it_is_synthetic(census_model: Path) -> None:
    contract = load_contract(census_model)
    how = model_spec.load("census").data.synthetic
    assert how is not None
    assert contract.provenance.data_source == "synthetic"
    assert contract.provenance.data_uri == f"synthetic:census?rows={how.rows}&seed={how.seed}"
    assert contract.provenance.data_sha256 is None
    assert contract.metrics["roc_auc"] >= 0.85


@pytest.fixture(scope="module")
def adult() -> Path:
    """The directory of the real file."""
    if "DATA_DIR" not in os.environ:
        pytest.skip("DATA_DIR is not set: there is no directory with the real adult.data of UCI Adult")
    directory = Path(os.environ["DATA_DIR"])
    if not (directory / "adult.data").is_file():
        pytest.skip(f"there is no adult.data of UCI Adult in {directory}")
    return directory


@pytest.fixture(scope="module")
def real_model(adult: Path, quiet: Progress, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("real") / "model"
    bake(model_spec.load("census"), "real", out, adult, quiet)
    return out


def test_the_real_census_model_ranks_as_well_as_it_should_and_is_served_as_it_was_trained(
    adult: Path, real_model: Path
) -> None:
    census, contract = model_spec.load("census"), load_contract(real_model)
    assert contract.metrics["roc_auc"] >= 0.922
    provenance = contract.provenance.model_dump(include={"data_source", "data_uri", "data_sha256", "rows"})
    assert provenance == {
        "data_source": "real",
        "data_uri": "adult.data",
        "data_sha256": "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
        "rows": 32_537,
    }

    found = rows_of(census, "real", adult)
    fitted = joblib.load(real_model.with_name("model.joblib"))
    expected = fitted.predict_proba(Encoder(census.features)(found.rows))
    parity = check_parity(Model.load(real_model), found.rows, expected)
    assert (parity.rows, parity.labels_that_differ) == (32_537, 0)
    assert 0 <= parity.largest_difference <= LARGEST_DIFFERENCE


def test_a_caveat_says_how_far_a_larger_capital_gain_lowers_the_score(adult: Path, real_model: Path) -> None:
    census, model = model_spec.load("census"), Model.load(real_model)
    [caveat] = [each for each in census.card.caveats if "capital gain" in each]
    rows = rows_of(census, "real", adult).rows
    amounts = np.unique([row["capital_gain"] for row in rows])
    some = rows[::10]
    scores = np.stack(
        [
            model.probabilities(model.encode([{**row, "capital_gain": amount} for row in some]))[:, 1]
            for amount in amounts
        ]
    )
    falls = (np.maximum.accumulate(scores) - scores).max(axis=0)
    is_married = np.array([row["marital_status"] == "Married-civ-spouse" for row in some])
    found = [falls.max(), np.median(falls[is_married]), np.median(falls[~is_married])]
    assert [float(each) for each in re.findall(r"0\.\d+", caveat)] == pytest.approx(found, abs=0.02)
