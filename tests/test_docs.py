"""The README says what is there, and what it says is there."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from app.main import create_app
from app.monitoring.metrics import ROUTES
from app.settings import Settings
from model_build.spec.model_spec import ModelSpec

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = [page for place in (".", "data", "docs", "infra") for page in sorted((ROOT / place).glob("*.md"))]
NAMING_TARGETS = [*PAGES, *(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "model_build").glob("*.py")]
SPEC_PAGE = (ROOT / "docs/spec.md").read_text()


def table(heading: str) -> dict[str, str]:
    """Return the rows of the README's table under a column heading: first cell → the rest."""
    lines = README.split(f"| {heading} |", 1)[1].splitlines()[2:]
    rows = [line.strip("| ").split(" | ", 1) for line in lines[: lines.index("")]]
    return dict(rows)


def test_every_setting_is_documented_with_its_default() -> None:
    documented = table("variable")
    assert set(documented) == {f"`{name.upper()}`" for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        if field.default_factory is None:
            assert f"`{field.default}`" in documented[f"`{name.upper()}`"].split(" | ")[0], name


def test_every_endpoint_is_documented(tiny_model: Path) -> None:
    app = create_app(Settings(model_dir=tiny_model))
    paths = set(app.openapi()["paths"]) | {"/", "/card", "/docs", "/openapi.json"}
    documented = set(re.findall(r"`(?:GET|POST) (/\S*)`", README))
    assert documented == paths


def test_every_endpoint_has_its_series(tiny_model: Path) -> None:
    paths = set(create_app(Settings(model_dir=tiny_model)).openapi()["paths"])
    assert paths | {"/", "/card", "/docs", "/openapi.json", "other"} == set(ROUTES)


def test_what_training_shares_with_the_service_is_named_alike() -> None:
    assert "COPY app/core/ app/core/\n" in (ROOT / "Dockerfile").read_text()
    assert "model_inputs=(model_build app/core)\n" in (ROOT / "infra/build_image.sh").read_text()


def test_every_metric_is_documented_with_its_labels(tiny_model: Path) -> None:
    metrics = create_app(Settings(model_dir=tiny_model)).metrics
    metrics.request_finished("/predict", 200, 0.1)
    metrics.count_row_errors([{"loc": ["years"], "type": "missing"}])
    families = list(text_string_to_metric_families(metrics.render().decode()))
    labels = {
        family.name + "_total" * (family.type == "counter"): {
            label for sample in family.samples for label in sample.labels if label != "le"
        }
        for family in families
    }
    documented = {name.strip("`"): rest for name, rest in table("metric").items()}
    assert {
        name: set(re.findall(r"`(\w+)`", rest.split("|")[0])) for name, rest in documented.items()
    } == labels


def keys_of(annotation: Any) -> Iterator[tuple[str, FieldInfo]]:
    """Yield every key of the mappings that a value of this type may hold, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            yield name, field
            yield from keys_of(field.annotation)
    for each in get_args(annotation):
        yield from keys_of(each)


@pytest.mark.parametrize("section", [name for name in ModelSpec.model_fields if name != "sha256"])
def test_every_key_of_a_spec_is_documented(section: str) -> None:
    pages = dict(re.findall(r"^## `(\w+)`\n(.*?)(?=^## |\Z)", SPEC_PAGE, re.MULTILINE | re.DOTALL))
    keys = {name for name, _ in keys_of(ModelSpec.model_fields[section].annotation)}
    assert f"| `{section}` |" in SPEC_PAGE.split("## `", 1)[0]
    assert {key for key in keys if f"`{key}`" not in pages[section]} == set()


@pytest.mark.parametrize(
    ("key", "default"), sorted(re.findall(r"^\| `(\w+)` \| `(\w[^`]*)` \|", SPEC_PAGE, re.MULTILINE))
)
def test_every_documented_default_of_a_spec_is_right(key: str, default: str) -> None:
    found = {str(field.default) for name, field in keys_of(ModelSpec) if name == key}
    assert default.capitalize() in {value.capitalize() for value in found}


@pytest.mark.parametrize("page", NAMING_TARGETS, ids=lambda page: page.name)
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)(?:\S+=\S+ )*make ([a-z-]+)", page.read_text(), re.MULTILINE))
    assert named <= targets


def test_every_make_target_has_a_line_of_help() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = set(makefile.split(".PHONY: ", 1)[1].splitlines()[0].split())
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"make ([a-z-]+) ", shown)) == phony


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_links_to_exists(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
