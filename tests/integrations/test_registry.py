"""The registry: what a bake registers, and what a bake from the registry restores."""

import shutil
from pathlib import Path

import mlflow
import numpy as np
import pytest

from app.core.baked_model import load_contract
from app.core.contract import sha256
from app.core.model import Model
from model_build import pipeline
from model_build.errors import BuildError, GateError
from model_build.gate_report import RefitReport
from model_build.tracking import registry
from tests.integrations.conftest import Bakery, aliases, contents, runs
from tests.support.tiny import TINY

GOLDEN = (
    "model_checks: {golden: [{title: A long loan, label: 'no', minimum_probability: 1.0, "
    "row: {years: 30, rate: 20, grade: C, secured: false}}]}\n"
)


def registered_files(name: str, version: int) -> Path:
    """Return the directory in which the local store has the baked model of a version."""
    location = mlflow.MlflowClient().get_model_version_download_uri(name, str(version))
    return Path(location) / "extra_files"


def assert_not_restored(bakery: Bakery, uri: str, sentence: str, text: str = TINY) -> None:
    with pytest.raises(BuildError) as caught:
        bakery.restore(bakery.job("tiny", text), uri)
    assert str(caught.value) == sentence
    assert not (bakery.directory / "restored/tiny").exists()


# The registry


def test_the_first_version_is_candidate_and_champion_and_the_next_only_candidate(bakery: Bakery) -> None:
    job = bakery.job("promoted")
    bakery.bake(job)
    assert aliases("promoted") == {"candidate": 1, "champion": 1}
    bakery.bake(job)
    assert aliases("promoted") == {"candidate": 2, "champion": 1}


def test_a_version_has_its_provenance_as_tags(tiny: Path) -> None:
    version = mlflow.MlflowClient().get_model_version("tiny", "1")
    origin = load_contract(tiny).provenance
    (run,) = runs("tiny")
    assert (version.run_id, version.description) == (run.info.run_id, "Version 1.2.3. Will it be paid back?")
    assert version.tags == {
        "contract_sha256": sha256((tiny / "contract.json").read_bytes()),
        "model_version": "1.2.3",
        "spec_sha256": origin.spec_sha256,
        "data_source": "real",
        "data_sha256": origin.data_sha256,
        "git_commit": "c0ffee",
        "fitted_on": "training rows",
    }


def test_mlflow_loads_the_registered_model_and_predicts_as_the_service_does(tiny: Path) -> None:
    model = Model.load(tiny)
    matrix = model.encode([model.contract.example])
    loaded = mlflow.pyfunc.load_model("models:/tiny@champion")
    np.testing.assert_array_equal(loaded.predict(matrix)["probabilities"], model.probabilities(matrix))
    np.testing.assert_array_equal(loaded.input_example, matrix)
    assert loaded.metadata.signature.to_dict()["inputs"] == (
        '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 4]}}]'
    )


# From the registry


@pytest.mark.parametrize("uri", ["models:/tiny@champion", "models:/tiny@candidate", "models:/tiny/1"])
def test_a_registered_model_is_restored_byte_by_byte(bakery: Bakery, tiny: Path, uri: str) -> None:
    restored = bakery.restore(bakery.job("tiny"), uri)
    assert contents(restored) == contents(tiny)
    shutil.rmtree(restored)


def test_a_restored_model_replaces_another_model_and_its_fitted_pipeline(bakery: Bakery, tiny: Path) -> None:
    out = bakery.directory / "replaced"
    pipeline.bake(bakery.job("replaced"), out)
    registry.restore_model(bakery.job("tiny"), "models:/tiny/1", out)
    assert contents(out) == contents(tiny)
    assert not (bakery.directory / "replaced.joblib").exists()


def test_the_registry_keeps_the_refitted_model_with_the_one_before(bakery: Bakery) -> None:
    job = bakery.job("refitted", f"{TINY}training: {{refit: true}}\n")
    baked = bakery.bake(job)
    version = mlflow.MlflowClient().get_model_version("refitted", "1")
    assert version.tags["fitted_on"] == "training and test rows"
    model = Model.load(baked)
    matrix = model.encode([model.contract.example])
    loaded = mlflow.pyfunc.load_model("models:/refitted/1")
    np.testing.assert_array_equal(loaded.predict(matrix)["probabilities"], model.probabilities(matrix))
    restored = bakery.restore(job, "models:/refitted/1")
    assert contents(restored) == contents(baked)
    assert (restored / "evaluated.onnx").exists()
    (run,) = runs("refitted")
    report = RefitReport.read(job.path("refit.json"))
    assert run.data.tags["fitted_on"] == "training and test rows"
    assert {name: run.data.metrics[f"served_{name}"] for name in ("bytes", "microseconds")} == {
        "bytes": report.bytes,
        "microseconds": report.microseconds,
    }
    assert [run.data.metrics[f"served_gates_{result}"] for result in ("passed", "failed")] == [5, 0]


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("models:/tiny@nobody", "Registered model alias nobody not found."),
        ("models:/nothing@champion", "Registered Model with name=nothing not found"),
        ("models:/tiny/99", "Model Version (name=tiny, version=99) not found"),
    ],
)
def test_an_unregistered_model_is_one_sentence(bakery: Bakery, uri: str, sentence: str) -> None:
    assert_not_restored(bakery, uri, f"{uri} of {mlflow.get_tracking_uri()}: {sentence}")


@pytest.mark.parametrize("uri", ["tiny", "models:/tiny", "models:/tiny/Production", "runs:/abc/model", ""])
def test_a_uri_of_another_form_is_refused(bakery: Bakery, uri: str) -> None:
    sentence = f"{uri} does not have the form models:/NAME@ALIAS or models:/NAME/VERSION."
    assert_not_restored(bakery, uri, sentence)


def test_a_changed_file_in_the_store_is_detected(bakery: Bakery) -> None:
    bakery.bake(bakery.job("tampered"))
    path = registered_files("tampered", 1) / "metrics.json"
    path.write_bytes(path.read_bytes() + b" ")
    sentence = r"^models:/tampered/1 can't be served\. The baked model was changed: "
    with pytest.raises(BuildError, match=sentence):
        bakery.restore(bakery.job("tampered"), "models:/tampered/1")


def test_a_changed_contract_in_the_store_is_detected(bakery: Bakery) -> None:
    out = bakery.bake(bakery.job("forged"))
    path = registered_files("forged", 1) / "contract.json"
    path.write_bytes(path.read_bytes().replace(b"Tiny loans", b"Huge loans"))
    stored, registered = (sha256((files / "contract.json").read_bytes()) for files in (path.parent, out))
    with pytest.raises(BuildError) as caught:
        bakery.restore(bakery.job("forged"), "models:/forged/1")
    assert str(caught.value) == (
        f"models:/forged/1 was changed: its contract.json has sha256 {stored}, not {registered}."
    )


def test_deleted_files_are_one_sentence(bakery: Bakery) -> None:
    bakery.bake(bakery.job("gone"))
    shutil.rmtree(registered_files("gone", 1))
    with pytest.raises(BuildError) as caught:
        bakery.restore(bakery.job("gone"), "models:/gone/1")
    assert str(caught.value) == "models:/gone/1 holds no baked model; `bake --track` registers one."


def test_a_model_of_another_spec_is_refused(bakery: Bakery) -> None:
    bakery.bake(bakery.job("other"))
    sentence = "models:/other/1 is a model of the spec other, not of tiny."
    assert_not_restored(bakery, "models:/other/1", sentence)


@pytest.mark.usefixtures("tiny")
def test_a_model_with_other_features_than_the_spec_is_refused(bakery: Bakery) -> None:
    sentence = (
        "models:/tiny/1 has other features or labels than the spec tiny; "
        "use the spec that it was baked from, of commit c0ffee."
    )
    assert_not_restored(bakery, "models:/tiny/1", sentence, TINY.replace("[A, B, C]", "[A, B, C, D]"))


@pytest.mark.usefixtures("tiny")
def test_a_model_that_fails_a_golden_row_is_refused(bakery: Bakery) -> None:
    sentence = (
        r"^models:/tiny/1 was not baked: A long loan: predicted no, expected no; "
        r"the probability of no is 0\.\d+ and must be at least 1 but is 0\.\d+ too low\.$"
    )
    with pytest.raises(GateError, match=sentence):
        bakery.restore(bakery.job("tiny", TINY + GOLDEN), "models:/tiny/1")
