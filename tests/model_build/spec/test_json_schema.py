"""The schema accepts what the loader accepts, and refuses what a person may get wrong in one section."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from model_build.spec import model_spec
from model_build.spec.json_schema import MODELINE, SCHEMA_FILE, make_modeline, render_schema
from model_build.spec.spec_files import SPECS
from tests.docs.markdown import blocks, read
from tests.model_build.spec.conftest import SpecErrorOf, changed
from tests.support.tiny import TINY

PAGE = [block.text for block in blocks(read("docs/spec.md")) if block.language == "yaml"]
SHIPPED = sorted(SPECS.glob("*.yaml"))


@cache
def validator() -> Draft202012Validator:
    schema = json.loads(SCHEMA_FILE.read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def load(text: str) -> dict[str, Any]:
    """Return a document as editors read it: dates are text."""
    document: dict[str, Any] = json.loads(
        json.dumps(YAML(typ="safe", pure=True).load(text), default=lambda date: date.isoformat())
    )
    return document


def errors(text: str) -> list[str]:
    return [error.message for error in validator().iter_errors(load(text))]


def test_schema_is_current() -> None:
    assert SCHEMA_FILE.read_text() == render_schema(), "`make spec-schema` writes it anew"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_spec_is_valid_and_names_the_schema(path: Path) -> None:
    text = path.read_text()
    assert errors(text) == []
    assert text.startswith(MODELINE)
    name = text.splitlines()[0].removeprefix(MODELINE)
    assert (path.parent / name).resolve() == SCHEMA_FILE


def test_tiny_spec_is_valid() -> None:
    assert errors(TINY) == []


@pytest.mark.parametrize("part", PAGE[1:])
def test_every_example_on_the_page_is_valid(part: str) -> None:
    assert list(validator().iter_errors(load(PAGE[0]) | load(part))) == []


def test_what_is_no_key_of_a_file_is_not_in_the_schema() -> None:
    assert errors(f"sha256: {'0' * 64}\n{TINY}") != []
    assert "code_sha256" not in SCHEMA_FILE.read_text()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "categories: [A, B, C], title: Grade, example: B",
            "categories: [1, 2, true], title: Grade, example: 2",
        ),
        ('labels: ["no", "yes"], positive: "yes"', "labels: [0, 1], positive: 1"),
        ('labels: ["no", "yes"], positive: "yes"', "labels: [true, false], positive: true"),
        ("test: 0.25", "test: .25"),
        ("hist_gradient_boosting, parameters: {max_iter: 5}", "decision_tree"),
        ('missing: {markers: ["?"]}', "missing: {}"),
        ("seed: 1}", "seed: 1}\ntraining: {select: 2, search: {space: {max_iter: [1, null, a, 2.5]}}}"),
        ("seed: 1}", "seed: 1}\ntraining: {threshold: {budget: 0.1}, select: {minimum: 0.1, maximum: 1}}"),
    ],
)
def test_what_the_loader_accepts_is_valid(tmp_path: Path, old: str, new: str) -> None:
    text = changed(old, new)
    assert errors(text) == []
    (tmp_path / "tiny.yaml").write_text(text)
    assert model_spec.load(str(tmp_path / "tiny.yaml")).name == "tiny"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("title: Tiny loans", "titel: Tiny loans"),
        ("version: 1.2.3", "version: 1.2"),
        ("type: boolean", "type: bool"),
        ("maximum: 30", "maximum: many"),
        ("categories: [A, B, C]", "categories: []"),
        ("[{uri: loans.csv}]", "loans.csv"),
        ("test: 0.25", "test: 1"),
        ("hist_gradient_boosting", "hist_gradient_bosting"),
        ("seed: 1}", "seed: 1}\ngates: {metrics: [{metric: auc, minimum: 0.5}]}"),
        ("seed: 1}", "seed: 1}\ntraining: {threshold: {maximise: f1}}"),
        ("seed: 1}", "seed: 1}\ntraining: {folds: 1}"),
        ("seed: 1}", "seed: 1}\ndata_checks: {types: ignore}"),
    ],
)
def test_what_is_wrong_in_one_section_is_invalid(spec_error: SpecErrorOf, old: str, new: str) -> None:
    text = changed(old, new)
    assert errors(text) != []
    assert spec_error(text)


def test_descriptions_are_the_docstrings_below_the_fields() -> None:
    properties = json.loads(render_schema())["$defs"]
    assert properties["Data"]["properties"]["sources"]["description"] == "Tried in this order."
    assert properties["MetricGate"]["properties"]["data_source"]["description"].startswith("Only models")


def test_modeline_leads_from_any_directory_to_the_schema(tmp_path: Path) -> None:
    name = make_modeline(tmp_path).removeprefix(MODELINE)
    assert (tmp_path / name).resolve() == SCHEMA_FILE
