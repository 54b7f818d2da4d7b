"""A model that is trained already is evaluated, checked and baked as any other."""

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnx
import pandas as pd
import pytest
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline

from app.core.baked_model import load_contract
from app.core.contract import sha256
from app.core.encoders import Encoder
from app.core.model import Model
from app.core.values import Matrix
from model_build import commands, pipeline
from model_build.__main__ import parser
from model_build.console import Progress
from model_build.errors import ExportError, SpecError
from model_build.export.adopt import adopt_model
from model_build.spec.model_spec import ModelSpec
from model_build.spec.training import Training
from model_build.stage import Job
from tests.model_build.conftest import load_spec
from tests.support.bakes import rows_of
from tests.support.tiny import TINY

ADOPTED = TINY.replace("{name: hist_gradient_boosting, parameters: {max_iter: 5}}", "{name: adopted}")
COLUMNS = ["years", "rate", "grade", "secured"]


@pytest.fixture
def spec(tmp_path: Path) -> ModelSpec:
    return load_spec(tmp_path, ADOPTED + "training: {refit: true}\n")


def encoded(spec: ModelSpec, data: Path) -> tuple[Matrix, Any]:
    """Return the matrix of all rows, and their labels as text."""
    rows = rows_of(spec, "real", data)
    return Encoder(spec.features)(rows.rows), np.array(spec.target.labels)[rows.labels]


def forest() -> Any:
    return make_pipeline(SimpleImputer(), RandomForestClassifier(20, max_depth=4, random_state=0))


def bake(spec: ModelSpec, path: Path, data: Path, quiet: Progress) -> Model:
    job = Job(spec, path.parent / "build", data, quiet, "real", adopted=path)
    pipeline.bake(job, path.parent / "model")
    return Model.load(path.parent / "model")


def test_a_joblib_with_text_labels_is_baked(
    spec: ModelSpec, tmp_path: Path, tiny_data: Path, quiet: Progress
) -> None:
    matrix, labels = encoded(spec, tiny_data)
    fitted = forest().fit(matrix, labels)
    joblib.dump(fitted, tmp_path / "mine.joblib")
    model = bake(spec, tmp_path / "mine.joblib", tiny_data, quiet)
    np.testing.assert_allclose(model.probabilities(matrix), fitted.predict_proba(matrix), atol=1e-6)
    provenance = load_contract(tmp_path / "model").provenance
    assert provenance.estimator_sha256 == sha256((tmp_path / "mine.joblib").read_bytes())
    assert provenance.fitted_on == "training rows"
    card = (tmp_path / "model/card.md").read_text()
    assert "**The model was trained elsewhere** (`mine.joblib`" in card


def test_an_onnx_is_baked(spec: ModelSpec, tmp_path: Path, tiny_data: Path, quiet: Progress) -> None:
    matrix, labels = encoded(spec, tiny_data)
    fitted = forest().fit(matrix, labels)
    content = to_onnx(fitted, matrix[:1], options={"zipmap": False}).SerializeToString()
    (tmp_path / "mine.onnx").write_bytes(content)
    model = bake(spec, tmp_path / "mine.onnx", tiny_data, quiet)
    np.testing.assert_allclose(model.probabilities(matrix), fitted.predict_proba(matrix), atol=1e-6)


def test_columns_are_found_by_the_names_of_a_data_frame(
    spec: ModelSpec, tmp_path: Path, tiny_data: Path, quiet: Progress
) -> None:
    matrix, labels = encoded(spec, tiny_data)
    frame = pd.DataFrame(matrix, columns=COLUMNS)[["secured", "years"]]
    fitted = RandomForestClassifier(10, max_depth=3, random_state=0).fit(frame, labels)
    expected = fitted.predict_proba(frame)
    joblib.dump(fitted, tmp_path / "mine.joblib")
    model = bake(spec, tmp_path / "mine.joblib", tiny_data, quiet)
    np.testing.assert_allclose(model.probabilities(matrix), expected, atol=1e-6)


def refusal(spec: ModelSpec, path: Path, content: object) -> str:
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        joblib.dump(content, path)
    with pytest.raises(ExportError) as caught:
        adopt_model(spec, path, 10)
    return str(caught.value).replace(str(path), path.name)


def test_other_labels_or_another_order_are_refused(spec: ModelSpec, tmp_path: Path) -> None:
    matrix = np.eye(4, dtype=np.float32)
    fitted = LogisticRegression().fit(matrix, ["yes", "zero", "yes", "zero"])
    assert refusal(spec, tmp_path / "mine.joblib", fitted) == (
        "The model has the labels yes, zero, in this order; target.labels of the spec must be the same in "
        "the same order, not no, yes."
    )
    content = to_onnx(fitted, matrix, options={"zipmap": False}).SerializeToString()
    assert refusal(spec, tmp_path / "mine.onnx", content).startswith("The model has the labels yes, zero,")


def test_other_columns_are_refused(spec: ModelSpec, tmp_path: Path) -> None:
    labels = ["no", "yes", "no"]
    wide = LogisticRegression().fit(np.eye(3), labels)
    assert refusal(spec, tmp_path / "mine.joblib", wide) == (
        "The model must read the encoded columns of the spec (years, rate, grade, secured), but it reads 3 "
        "columns."
    )
    named = LogisticRegression().fit(pd.DataFrame({"age": [1, 2, 3]}), labels)
    assert refusal(spec, tmp_path / "mine.joblib", named).endswith("but it names 'age'.")


def test_what_is_no_such_model_is_refused(spec: ModelSpec, tmp_path: Path) -> None:
    line = LinearRegression().fit(np.eye(4), [0, 1, 0, 1])
    assert refusal(spec, tmp_path / "mine.joblib", line) == (
        "mine.joblib holds no fitted classifier with predict_proba, but LinearRegression()."
    )
    assert refusal(spec, tmp_path / "mine.joblib", b"zip").startswith("mine.joblib can't be loaded: ")
    assert refusal(spec, tmp_path / "mine.onnx", b"zip").startswith("The file is not an ONNX model: ")
    fitted = LogisticRegression().fit(np.eye(4, dtype=np.float32), ["no", "yes", "no", "yes"])
    with_maps: onnx.ModelProto = to_onnx(fitted, np.eye(4, dtype=np.float32))
    assert refusal(spec, tmp_path / "mine.onnx", with_maps.SerializeToString()) == (
        "The ONNX model must have one output of probabilities [N, 2]. skl2onnx writes it with "
        "options={'zipmap': False}."
    )


def test_a_threshold_that_is_chosen_needs_a_training(spec: ModelSpec, tmp_path: Path) -> None:
    other = spec.model_copy(update={"training": Training(threshold="f1")})
    with pytest.raises(SpecError, match=r"^training.threshold: an adopted model has the threshold of the"):
        adopt_model(other, tmp_path / "mine.joblib", 10)


def test_a_spec_of_an_adopted_model_can_t_be_trained(
    spec: ModelSpec, tmp_path: Path, tiny_data: Path, quiet: Progress
) -> None:
    with pytest.raises(SpecError, match="the command adopt takes it"):
        pipeline.bake(Job(spec, tmp_path / "build", tiny_data, quiet, "real"), tmp_path / "model")


def test_the_command_bakes_a_file_and_names_one_that_is_absent(
    spec: ModelSpec,
    tmp_path: Path,
    tiny_data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tiny_data))
    joblib.dump(forest().fit(*encoded(spec, tiny_data)), "mine.joblib")
    arguments = ["--spec", "spec.yaml", "--source", "real"]
    assert commands.run(parser().parse_args(["adopt", "absent.joblib", *arguments])) == 1
    assert capsys.readouterr().out.strip().endswith("There is no model absent.joblib.")
    assert commands.run(parser().parse_args(["adopt", "mine.joblib", *arguments])) == 0
    printed = capsys.readouterr().out
    assert "adopted mine.joblib: RandomForestClassifier" in printed
    assert "no refit, because the model was adopted" in printed
    assert Model.load(tmp_path / "model").contract.name == "tiny"
