"""What a bake writes, and that it writes the same bytes every time."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import joblib
import numpy as np
import pytest

from app.core.contract import sha256
from app.core.encoders import Encoder
from app.core.model import Model
from model_build.artifacts import file_sha256
from model_build.console import Progress
from model_build.data.split import split_rows
from model_build.export.parity import check_parity
from model_build.git import git_commit
from model_build.spec.model_spec import ModelSpec
from model_build.stage import LIBRARIES, TRAINING_CODE
from tests.model_build.conftest import BAKED_FILES, directory_contents, load_spec, names_in
from tests.support.bakes import bake, rows_of
from tests.support.tiny import TINY

REPOSITORY = Path(__file__).parents[2]
SAME = ["metrics.json", "model.onnx", "reference.json", "slices.json"]


def test_a_bake_writes_the_model_and_the_fitted_pipeline_beside_it(tiny_model: Path) -> None:
    assert names_in(tiny_model) == BAKED_FILES
    assert names_in(tiny_model.parent) == ["model", "model.joblib"]


def test_the_contract_has_all_that_the_service_needs(
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
        "derived": [],
        "ids": [],
        "target": {
            "name": "paid",
            "labels": ["no", "yes"],
            "titles": {},
            "merge": {},
            "positive": "yes",
            "threshold": 0.6,
        },
        "metrics": metrics["metrics"],
        "provenance": {
            "data_source": "real",
            "data_uri": "loans.csv",
            "data_sha256": file_sha256(tiny_data / "loans.csv"),
            "rows": 398,
            "fitted_on": "training rows",
            "licence": "none",
            "spec_sha256": sha256(TINY.encode()),
            "estimator_sha256": None,
            "git_commit": git_commit(TRAINING_CODE),
            "libraries": {name: version(name) for name in LIBRARIES},
        },
        "files": {
            name: sha256((tiny_model / name).read_bytes()) for name in BAKED_FILES if name != "contract.json"
        },
    }


def test_the_metrics_are_those_of_the_test_split(
    tiny_model: Path, tiny_spec: ModelSpec, tiny_data: Path
) -> None:
    document = json.loads((tiny_model / "metrics.json").read_text())
    data = rows_of(tiny_spec, "real", tiny_data)
    split = split_rows(data.labels, tiny_spec.target, tiny_spec.split)
    probabilities = joblib.load(tiny_model.with_name("model.joblib")).predict_proba(
        Encoder(tiny_spec.features)([data.rows[position] for position in split.test])
    )
    is_right = tiny_spec.target.decide(probabilities) == data.labels[split.test]
    assert document["rows"] == len(split.test) == 100
    assert document["labels"] == ["no", "yes"]
    assert document["metrics"]["accuracy"] == is_right.mean()
    assert np.trace(document["confusion_matrix"]) == is_right.sum()
    assert np.sum(document["confusion_matrix"]) == 100
    assert json.loads((tiny_model / "reference.json").read_text())["rows"] == len(split.train) == 298


def test_the_fitted_pipeline_predicts_as_the_model_does(
    tiny_model: Path, tiny_spec: ModelSpec, tiny_data: Path
) -> None:
    data = rows_of(tiny_spec, "real", tiny_data)
    matrix = Encoder(tiny_spec.features)(data.rows)
    expected = joblib.load(tiny_model.with_name("model.joblib")).predict_proba(matrix)
    assert check_parity(Model.load(tiny_model), data.rows, expected).labels_that_differ == 0


def test_a_target_of_three_labels_is_baked(tiny_data: Path, tmp_path: Path, quiet: Progress) -> None:
    lines = (tiny_data / "loans.csv").read_text().splitlines()
    late = [re.sub("yes$", "late", line) if number % 3 == 0 else line for number, line in enumerate(lines)]
    (tmp_path / "loans.csv").write_text("\n".join(late))
    text = TINY.replace(
        'labels: ["no", "yes"], positive: "yes", threshold: 0.6', 'labels: ["no", late, "yes"]'
    )
    three = load_spec(tmp_path, text + "gates: {metrics: [{metric: roc_auc, minimum: 0.4}]}\n")
    contract = bake(three, "real", tmp_path / "model", tmp_path, quiet)
    model = Model.load(tmp_path / "model")
    assert contract.target.labels == ("no", "late", "yes")
    assert model.probabilities(model.encode([contract.example])).shape == (1, 3)


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


def start_bake(directory: Path, tiny_data: Path, threads: int) -> subprocess.Popen[bytes]:
    """Bake the tiny model and the synthetic census model in a process with this many threads."""
    outs = [directory / f"{name}-{threads}" for name in ("tiny", "census")]
    arguments = [str(directory / "tiny.yaml"), "real", str(tiny_data), *map(str, outs)]
    settings = {
        "OMP_NUM_THREADS": str(threads),
        "PYTHONHASHSEED": str(threads),
    }
    return subprocess.Popen(
        [sys.executable, "-c", BAKE, *arguments], cwd=REPOSITORY, env=os.environ | settings
    )


def test_the_same_spec_data_and_seed_give_the_same_bytes_with_any_number_of_threads(
    tmp_path: Path, tiny_data: Path
) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    with start_bake(tmp_path, tiny_data, 1) as single, start_bake(tmp_path, tiny_data, 2) as double:
        pass
    assert (single.returncode, double.returncode) == (0, 0)
    for name in ("tiny", "census"):
        first, second = (directory_contents(tmp_path / f"{name}-{threads}") for threads in (1, 2))
        assert {file: first[file] for file in SAME} == {file: second[file] for file in SAME}


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("random_forest", "{n_estimators: 10}"), ("decision_tree", "{}"), ("logistic_regression", "{}")],
)
def test_every_estimator_gives_the_same_bytes_twice(
    tiny_data: Path, tmp_path: Path, quiet: Progress, name: str, parameters: str
) -> None:
    text = TINY.replace(
        "name: hist_gradient_boosting, parameters: {max_iter: 5}", f"name: {name}, parameters: {parameters}"
    )
    spec = load_spec(tmp_path, text)
    for out in ("first", "second"):
        bake(spec, "real", tmp_path / out, tiny_data, quiet, tmp_path / f"build-{out}")
    first, second = directory_contents(tmp_path / "first"), directory_contents(tmp_path / "second")
    assert {file: first[file] for file in SAME} == {file: second[file] for file in SAME}


def test_another_seed_gives_another_model(
    tiny_model: Path, tiny_data: Path, tmp_path: Path, quiet: Progress
) -> None:
    reseeded = load_spec(tmp_path, TINY.replace("seed: 1", "seed: 2"))
    bake(reseeded, "real", tmp_path / "model", tiny_data, quiet)
    assert (tmp_path / "model/model.onnx").read_bytes() != (tiny_model / "model.onnx").read_bytes()
