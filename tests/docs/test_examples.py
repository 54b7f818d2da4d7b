"""Every spec but the census one: it bakes without a file, is served, and has a page that is true."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from app.core.baked_model import load_contract
from app.main import create_app
from app.settings import Settings
from model_build import pipeline
from model_build.console import Progress
from model_build.spec import model_spec
from model_build.spec.model_spec import ModelSpec
from model_build.spec.source import SourceMode
from model_build.spec.spec_files import stability_path
from model_build.stability.document import Stability, spec_checksum
from model_build.stage import Job
from model_build.threads import limit_threads
from tests.docs.conftest import serve
from tests.docs.examples import answer, expected, parse, requests
from tests.docs.markdown import ROOT, blocks, commands, read

NAMES = sorted(path.stem for path in (ROOT / "model_build/specs").glob("*.yaml") if path.stem != "census")


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def page(name: str) -> str:
    return read(f"docs/examples/{name}.md")


@pytest.fixture(scope="module")
def baked(name: str, quiet: Progress, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model, baked from synthetic rows, or from those that scikit-learn brings along."""
    whole, directory = model_spec.load(name), tmp_path_factory.mktemp(name)
    evaluation = whole.evaluation.model_copy(update={"resamples": 200, "importance_repeats": 1})
    spec = whole.model_copy(update={"evaluation": evaluation})
    mode: SourceMode = "synthetic" if spec.data.synthetic else "real"
    job = Job(spec, directory / "build", directory, quiet, mode, skips_eda=True)
    with limit_threads(1):
        pipeline.bake(job, directory / "model")
    return directory / "model"


@pytest.fixture(scope="module")
def address(baked: Path) -> Iterator[str]:
    with serve(create_app(Settings(model_dir=baked))) as address:
        yield address


def test_the_model_says_which_rows_it_learnt_from(name: str, baked: Path) -> None:
    provenance = load_contract(baked).provenance
    uri = f"synthetic:{model_spec.load(name).name}" if provenance.data_source == "synthetic" else "sklearn://"
    assert provenance.data_uri.startswith(uri)


def test_the_committed_stability_is_that_of_the_spec(name: str) -> None:
    """Otherwise the card would not show it, and the gates would follow from another model."""
    document, spec = Stability.read_if_there(stability_path(name)), model_spec.load(name)
    reports = [report for report in (document.real, document.synthetic) if report]
    assert reports
    assert {report.spec_checksum for report in reports} == {spec_checksum(spec)}
    assert {len(report.seeds) for report in reports} == {30}


def test_the_example_row_is_answered(baked: Path, address: str) -> None:
    contract = load_contract(baked)
    response = httpx.post(f"{address}/predict", json=contract.example)
    assert response.status_code == 200
    assert set(response.json()["predictions"]) <= set(contract.target.labels)


def test_the_requests_are_answered_as_the_page_shows(page: str, address: str) -> None:
    shown = {command: parse(text) for command, text in requests(page).items() if text}
    assert [route for route in ("/predict ", "/predict/file ") if route not in " ".join(shown)] == []
    assert {command: parse(answer(command, address)) for command in shown} == {
        command: expected(text) for command, text in shown.items()
    }


def test_the_page_bakes_and_serves_its_model(name: str, page: str) -> None:
    assert ["python", "-m", "model_build", "bake", name] in commands(page)
    assert ["./run.sh"] in commands(page)


def yaml_parts() -> list[tuple[str, Any]]:
    """Return every section of a spec that a page shows."""
    yaml = YAML(typ="safe", pure=True)
    texts = [
        block.text
        for name in NAMES
        for block in blocks(read(f"docs/examples/{name}.md"))
        if block.language == "yaml"
    ]
    return [part for text in texts for part in yaml.load(text).items()]


@pytest.mark.parametrize(("section", "part"), yaml_parts(), ids=lambda value: json.dumps(value)[:40])
def test_every_part_of_a_spec_on_a_page_is_valid(section: str, part: Any) -> None:
    kind: Any = ModelSpec.model_fields[section].annotation
    TypeAdapter(kind).validate_json(json.dumps(part))


def test_the_spec_page_leads_to_every_example() -> None:
    assert [name for name in NAMES if f"](examples/{name}.md)" not in read("docs/spec.md")] == []
