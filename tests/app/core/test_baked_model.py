import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from app.core.baked_model import load_contract
from app.core.contract import sha256
from app.core.errors import StartupError

ONNX = b"the content does not matter"
DOCUMENT: dict[str, Any] = {
    "schema_version": 1,
    "name": "tiny",
    "title": "Tiny loans",
    "description": "Will it be paid back?",
    "model_version": "1.2.3",
    "features": [
        {"name": "years", "type": "integer", "minimum": 1, "maximum": 30, "title": "Years", "example": 5},
        {"name": "grade", "type": "category", "categories": ["A", "B"], "title": "Grade", "example": "B"},
    ],
    "target": {"name": "paid", "labels": ["no", "yes"], "positive": "yes", "threshold": 0.6},
    "metrics": {"roc_auc": 0.9},
    "provenance": {
        "data_source": "real",
        "data_uri": "loans.csv",
        "data_sha256": None,
        "rows": 400,
        "licence": "none",
        "spec_sha256": "0" * 64,
        "git_commit": None,
        "libraries": {},
        "trained_at": "2024-05-06T07:08:09Z",
    },
    "files": {"model.onnx": sha256(ONNX)},
}


def write(directory: Path, document: Any) -> Path:
    (directory / "model.onnx").write_bytes(ONNX)
    (directory / "contract.json").write_text(json.dumps(document))
    return directory


def refusal(directory: Path) -> str:
    """Return the message of the StartupError, with DIR in place of the directory."""
    with pytest.raises(StartupError) as refused:
        load_contract(directory)
    return str(refused.value).replace(str(directory), "DIR")


def test_intact_model_is_loaded(tmp_path: Path) -> None:
    loaded = load_contract(write(tmp_path, DOCUMENT))
    assert loaded.model_dump(mode="json", exclude_unset=True) == DOCUMENT
    assert loaded.model_sha256 == sha256(ONNX)
    assert loaded.example == {"years": 5, "grade": "B"}


def test_model_of_a_version_without_refits_has_learnt_from_the_training_rows(tmp_path: Path) -> None:
    provenance = load_contract(write(tmp_path, DOCUMENT)).provenance
    assert (provenance.fitted_on, provenance.metrics_of) == ("training rows", "this model")


def test_missing_directory_is_named_and_the_message_says_what_to_do(tmp_path: Path) -> None:
    assert refusal(tmp_path / "model") == (
        "There is no baked model at DIR (No such file or directory: DIR/contract.json). "
        "Make one with `python -m model_build bake`, or set MODEL_DIR."
    )


def test_file_instead_of_the_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"")
    assert refusal(tmp_path / "model") == (
        "There is no baked model at DIR (Not a directory: DIR/contract.json). "
        "Make one with `python -m model_build bake`, or set MODEL_DIR."
    )


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"\xff", b"null", b"[1]", b'"schema_version"', b"{}", b"[" * 100_000, b"9" * 10_000, b"\0"],
    ids=lambda text: str(text[:20]),
)
def test_file_without_a_schema_version_is_no_contract(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "contract.json").write_bytes(text)
    assert refusal(tmp_path) == "DIR/contract.json is not a contract: it has no schema_version."


@pytest.mark.parametrize(("version", "text"), [(2, "2"), (0, "0"), ("1", "'1'"), (None, "None")])
def test_other_schema_version_is_refused_before_other_keys_are_read(
    tmp_path: Path, version: Any, text: str
) -> None:
    assert refusal(write(tmp_path, {"schema_version": version, "novelty": []})) == (
        f"DIR/contract.json has schema_version {text}; this service reads 1. "
        "Bake it again with the model_build of this version, or run the service that it was baked for."
    )


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"novelty": 1}, "novelty: Extra inputs are not permitted"),
        ({"model_version": "1.2"}, "model_version: String should match pattern"),
        ({"features": []}, "features: Tuple should have at least 1 item after validation, not 0"),
        (
            {"features": [DOCUMENT["features"][0], DOCUMENT["features"][0]]},
            ": Value error, feature name or alias 'years' is taken already by feature 'years'",
        ),
        (
            {"features": [DOCUMENT["features"][0] | {"type": "colour"}]},
            "features.0: Input tag 'colour' found using 'type' does not match any of the expected tags: "
            "'integer', 'number', 'category', 'open_category', 'boolean'",
        ),
        ({"files": {"../model.onnx": "0" * 64}}, "files.../model.onnx.[key]: String should match pattern"),
        ({"files": {"model.onnx": "abc"}}, "files.model.onnx: String should match pattern '^[0-9a-f]{64}$'"),
        (
            {"target": DOCUMENT["target"] | {"positive": "maybe"}},
            "target: Value error, positive must be one of the labels: no, yes",
        ),
        (
            {"provenance": DOCUMENT["provenance"] | {"fitted_on": "all rows"}},
            "provenance.fitted_on: Input should be 'training rows' or 'training and test rows'",
        ),
        ({"metrics": {"roc_auc": "0.9"}}, "metrics.roc_auc: Input should be a valid number"),
    ],
)
def test_first_error_in_a_contract_is_named(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    sentence = refusal(write(tmp_path, DOCUMENT | changes))
    assert sentence.startswith(f"DIR/contract.json is not a valid contract: {problem}")
    assert sentence.endswith(".")


def test_missing_key_is_named(tmp_path: Path) -> None:
    document = {key: value for key, value in DOCUMENT.items() if key != "target"}
    assert refusal(write(tmp_path, document)) == (
        "DIR/contract.json is not a valid contract: target: Field required."
    )


def test_contract_without_the_model_file_is_refused(tmp_path: Path) -> None:
    assert refusal(write(tmp_path, DOCUMENT | {"files": {}})) == "DIR/contract.json lists no model.onnx."


def test_missing_file_is_named(tmp_path: Path) -> None:
    files = DOCUMENT["files"] | {"metrics.json": "0" * 64}
    assert refusal(write(tmp_path, DOCUMENT | {"files": files})) == (
        "The baked model is incomplete: DIR/metrics.json can't be read (No such file or directory)."
    )


def test_changed_file_is_named_with_both_checksums(tmp_path: Path) -> None:
    (write(tmp_path, DOCUMENT) / "model.onnx").write_bytes(ONNX + b".")
    assert refusal(tmp_path) == (
        f"The baked model was changed: DIR/model.onnx has sha256 {sha256(ONNX + b'.')}, not {sha256(ONNX)}."
    )


VALUES: list[Any] = [None, True, -1, 1e300, "?", "x" * 100_000, [], {}, [[]] * 1000, {"a": {}}]


def mutate(document: Any, random: Random) -> Any:
    """Return a document with another value somewhere."""
    if random.random() < 0.2 or not document or not isinstance(document, dict | list):
        return random.choice(VALUES)
    changed = document.copy()
    key = random.choice(list(document)) if isinstance(document, dict) else random.randrange(len(document))
    changed[key] = mutate(document[key], random)
    return changed


@pytest.mark.parametrize("seed", range(100))
def test_any_other_contract_is_loaded_or_refused_in_a_sentence(tmp_path: Path, seed: int) -> None:
    random = Random(seed)  # noqa: S311 - reproducible
    directory = write(tmp_path, mutate(DOCUMENT, random))
    path = directory / "contract.json"
    if seed % 2:
        path.write_bytes(path.read_bytes()[: random.randrange(2000)])
    try:
        sentence = load_contract(directory).title
    except StartupError as error:
        sentence = str(error)
    assert 0 < len(sentence) < 2000
