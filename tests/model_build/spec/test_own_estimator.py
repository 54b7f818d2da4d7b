"""A spec may name a function of a Python file beside it, which returns the estimator."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.baked_model import load_contract
from app.core.contract import sha256
from model_build.console import Progress
from model_build.errors import ExportError, SpecError
from model_build.spec import model_spec
from model_build.spec.model_spec import ModelSpec
from tests.support.bakes import bake
from tests.support.tiny import TINY

CODE = """
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

def vote(C=1.0):
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=C))
    named = [("linear", linear), ("trees", RandomForestClassifier(9))]
    voting = VotingClassifier(named, voting="soft", flatten_transform=False)
    return make_pipeline(SimpleImputer(), voting)

def number():
    return 7

class Unknown(LogisticRegression):
    pass

def unknown():
    return make_pipeline(SimpleImputer(), Unknown())
"""
BOOSTING = "{name: hist_gradient_boosting, parameters: {max_iter: 5}}"


@pytest.fixture(autouse=True)
def _modules() -> Iterator[None]:
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("own_"):
            del sys.modules[name]


def load(directory: Path, estimator: str, code: str = CODE, module: str = "own_code") -> ModelSpec:
    (directory / f"{module}.py").write_text(code)
    (directory / "tiny.yaml").write_text(TINY.replace(BOOSTING, estimator))
    return model_spec.load(str(directory / "tiny.yaml"))


def test_a_voting_of_ones_own_bakes_with_its_checksum(
    tmp_path: Path, tiny_data: Path, quiet: Progress
) -> None:
    spec = load(tmp_path, '{name: "own_code:vote", parameters: {C: 0.5}}')
    bake(spec, "real", tmp_path / "model", tiny_data, quiet, tmp_path / "build")
    contract = load_contract(tmp_path / "model")
    assert contract.provenance.estimator_sha256 == sha256(CODE.encode())
    assert contract.metrics["roc_auc"] > 0.75


def test_other_code_is_another_training(tmp_path: Path) -> None:
    first = load(tmp_path, '{name: "own_code:vote"}')
    second = load(tmp_path, '{name: "own_code:vote"}', f"{CODE}\n# changed\n")
    assert first.training_checksum != second.training_checksum


def test_an_estimator_that_does_not_convert_is_refused_with_a_sentence(
    tmp_path: Path, tiny_data: Path, quiet: Progress
) -> None:
    spec = load(tmp_path, '{name: "own_code:unknown"}')
    with pytest.raises(ExportError, match=r"^Pipeline can't be converted to ONNX, so it can't be served: "):
        bake(spec, "real", tmp_path / "model", tiny_data, quiet, tmp_path / "build")
    assert not (tmp_path / "model").exists()


def test_what_is_no_classifier_is_refused(tmp_path: Path, tiny_data: Path, quiet: Progress) -> None:
    spec = load(tmp_path, '{name: "own_code:number"}')
    with pytest.raises(SpecError, match=r"number must return a classifier with predict_proba, not 7$"):
        bake(spec, "real", tmp_path / "model", tiny_data, quiet, tmp_path / "build")


@pytest.mark.parametrize(
    ("estimator", "sentence"),
    [
        ('{name: "own_code:other"}', "has no function 'other'."),
        ('{name: "own_absent:vote"}', "own_absent.py with the function vote."),
        ('{name: "own_code:vote", parameters: {D: 1}}', "own_code:vote has no parameter 'D'; allowed are C."),
    ],
)
def test_errors_name_the_file_the_function_or_the_parameter(
    tmp_path: Path, estimator: str, sentence: str
) -> None:
    with pytest.raises(SpecError) as caught:
        load(tmp_path, estimator)
    assert str(caught.value).endswith(sentence)


def test_code_that_fails_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"own_code.py fails: ZeroDivisionError: division by zero\.$"):
        load(tmp_path, '{name: "own_code:vote"}', "1 / 0")


def test_a_file_with_the_name_of_another_module_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"another module is called 'json'; rename json.py\.$"):
        load(tmp_path, '{name: "json:vote"}', CODE, "json")
