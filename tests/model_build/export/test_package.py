"""`bake --from-build` runs no stage; it refuses outputs that do not belong together."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.core.model import Model
from model_build import pipeline
from model_build.artifacts import Evaluation, file_sha256
from model_build.console import Progress
from model_build.errors import BuildError, GateError
from model_build.export import package
from model_build.spec import model_spec
from model_build.spec.model_spec import ModelSpec
from model_build.stage import Job
from tests.support.tiny import TINY


@pytest.fixture
def job(tiny_spec: ModelSpec, tiny_data: Path, tmp_path: Path, quiet: Progress) -> Job:
    """A job whose stages all ran."""
    job = Job(tiny_spec, tmp_path / "build", tiny_data, quiet, "real")
    pipeline.bake(job, tmp_path / "model")
    return job


def with_changed_spec(job: Job, directory: Path, old: str, new: str) -> Job:
    (directory / "tiny.yaml").write_text(TINY.replace(old, new))
    return replace(job, spec=model_spec.load(str(directory / "tiny.yaml")))


def refusal(job: Job, directory: Path) -> str:
    """Return why nothing is baked; the model that was baked before stays as it is."""
    before = (directory / "model" / "contract.json").read_bytes()
    with pytest.raises(BuildError) as caught:
        package.package_model(job, directory / "model")
    assert (directory / "model" / "contract.json").read_bytes() == before
    return str(caught.value)


def test_outputs_of_the_stages_are_baked_as_in_a_whole_bake(job: Job, tmp_path: Path) -> None:
    package.package_model(job, tmp_path / "again")
    contract = (tmp_path / "again" / "contract.json").read_bytes()
    assert contract == (tmp_path / "model" / "contract.json").read_bytes()
    assert Model.load(tmp_path / "again").contract.name == "tiny"


def test_metrics_of_another_model_are_not_baked(job: Job, tmp_path: Path) -> None:
    job.path("model.onnx").write_bytes(b"other")
    sentence = (
        f"{job.path('metrics.json')} belongs to another model; run `python -m model_build evaluate` first."
    )
    assert refusal(job, tmp_path) == sentence
    with pytest.raises(BuildError) as caught:
        pipeline.run("check-model", job)
    assert str(caught.value) == sentence


def test_retrained_model_must_pass_each_later_stage_again(job: Job, tmp_path: Path) -> None:
    other = with_changed_spec(job, tmp_path, "{max_iter: 5}", "{max_iter: 3}")
    pipeline.run("train", other)
    assert refusal(other, tmp_path).startswith(f"{job.path('metrics.json')} belongs to another model; ")
    pipeline.run("evaluate", other)
    assert refusal(other, tmp_path) == (
        f"{job.path('model-checks.json')} belongs to another model; "
        "run `python -m model_build check-model` first."
    )
    with pytest.raises(BuildError) as caught:
        pipeline.run("check-model", other)
    assert str(caught.value) == (
        f"{job.path('baselines.json')} belongs to another model; run `python -m model_build baselines` first."
    )
    pipeline.run("baselines", other)
    pipeline.run("check-model", other)
    assert refusal(other, tmp_path) == (
        f"{job.path('refit.json')} belongs to another model; run `python -m model_build refit` first."
    )
    pipeline.run("refit", other)
    assert refusal(other, tmp_path) == (
        f"{job.path('card.md')} belongs to another model; run `python -m model_build card` first."
    )
    pipeline.run("card", other)
    assert package.package_model(other, tmp_path / "model").provenance.spec_sha256 == other.spec.sha256


def test_card_of_another_spec_is_not_baked(job: Job, tmp_path: Path) -> None:
    other = with_changed_spec(job, tmp_path, "version: 1.2.3", "version: 2.0.0")
    assert refusal(other, tmp_path) == (
        f"{job.path('card.md')} belongs to another spec; run `python -m model_build card` first."
    )
    pipeline.run("card", other)
    assert package.package_model(other, tmp_path / "model").model_version == "2.0.0"
    assert "2.0.0" in (tmp_path / "model" / "card.md").read_text()


def test_evaluated_model_is_baked_beside_its_refit(job: Job, tmp_path: Path) -> None:
    assert not (tmp_path / "model" / "evaluated.onnx").exists()
    other = with_changed_spec(job, tmp_path, "estimator:", "training: {refit: true}\nestimator:")
    contract = pipeline.bake(other, tmp_path / "model")
    names = {"model.onnx": "served.onnx", "evaluated.onnx": "model.onnx"}
    for baked, built in names.items():
        assert (tmp_path / "model" / baked).read_bytes() == other.path(built).read_bytes()
        assert contract.files[baked] == file_sha256(other.path(built))
    assert (contract.metrics, contract.provenance.metrics_of) == (
        Evaluation.read(other.path("metrics.json")).metrics,
        "the model before the refit, which saw only the training rows",
    )


@pytest.mark.parametrize("name", ["served.onnx", "served.joblib"])
def test_another_model_is_not_baked_in_place_of_the_one_that_passed(
    job: Job, tmp_path: Path, name: str
) -> None:
    job.path(name).write_bytes(b"other")
    assert refusal(job, tmp_path) == (
        f"{job.path('refit.json')} belongs to another model; run `python -m model_build refit` first."
    )


def test_checks_with_other_gates_do_not_count(job: Job, tmp_path: Path) -> None:
    gates = "gates: {metrics: [{metric: roc_auc, minimum: 0.9999}]}\n"
    other = with_changed_spec(job, tmp_path, "split:", f"{gates}split:")
    assert refusal(other, tmp_path) == (
        f"{job.path('model-checks.json')} was made with other gates than the spec declares; "
        "run `python -m model_build check-model` first."
    )
    with pytest.raises(GateError):
        pipeline.run("check-model", other)
    assert refusal(other, tmp_path) == "No model was baked: 1 of 8 gates failed (roc_auc)."
