"""docs/spec.md begins with a spec that bakes, and has every key of a spec with its default."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from ruamel.yaml import YAML

from model_build.console import Progress
from model_build.errors import SpecError
from model_build.spec import model_spec
from model_build.spec.model_spec import ModelSpec
from tests.docs.markdown import blocks, commands, read
from tests.support.bakes import bake

PAGE = read("docs/spec.md")
WHOLE, *PARTS = [block.text for block in blocks(PAGE) if block.language == "yaml"]
LONGEST_SPEC = 25  # lines


def customers(rows: int = 400) -> str:
    """Return the CSV file on the page with more rows: customers with a high fee and many calls leave."""
    rng = np.random.default_rng(0)
    (head,) = [block.text for block in blocks(PAGE) if block.language == "csv"]
    lines = []
    for _ in range(rows):
        months, fee, calls = rng.integers(1, 120), round(rng.uniform(5, 60), 2), rng.integers(0, 10)
        plan, autopay = rng.choice(["basic", "plus", "pro"]), rng.choice(["true", "false"])
        churned = "yes" if fee / 20 + calls / 3 - months / 60 + rng.normal() > 2 else "no"
        lines.append(f"{months},{fee},{plan},{autopay},{'?' if rng.random() < 0.1 else calls},{churned}\n")
    return head + "".join(lines)


def test_whole_spec_bakes_as_it_stands(tmp_path: Path, quiet: Progress) -> None:
    assert len(WHOLE.splitlines()) <= LONGEST_SPEC
    assert ["python", "-m", "model_build", "bake", "churn.yaml"] in commands(PAGE)
    (tmp_path / "churn.yaml").write_text(WHOLE)
    (tmp_path / "churn.csv").write_text(customers())
    spec = model_spec.load(str(tmp_path / "churn.yaml"))
    contract = bake(spec, "real", tmp_path / "model", tmp_path, quiet, tmp_path / "build")
    assert [feature.name for feature in contract.features] == ["months", "fee", "plan", "autopay", "calls"]
    assert contract.metrics["roc_auc"] > 0.7


@pytest.mark.parametrize("part", PARTS)
def test_every_part_of_a_spec_is_valid_in_the_whole_one(tmp_path: Path, part: str) -> None:
    yaml = YAML(typ="safe", pure=True)
    (tmp_path / "churn.yaml").write_text(json.dumps(yaml.load(WHOLE) | yaml.load(part), default=str))
    assert model_spec.load(str(tmp_path / "churn.yaml")).name == "churn"


def test_error_is_shown_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "churn.yaml"
    path.write_text(WHOLE.replace("maximum: 500", "maximum: many"))
    with pytest.raises(SpecError) as caught:
        model_spec.load(str(path))
    assert f"`{str(caught.value).replace(str(path), path.name)}`" in PAGE


def keys_of(annotation: Any) -> Iterator[tuple[str, FieldInfo]]:
    """Yield every key of the mappings that a value of this type may hold, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        written = {name: field for name, field in annotation.model_fields.items() if not field.exclude}
        for name, field in written.items():
            yield name, field
            yield from keys_of(field.annotation)
    for argument in get_args(annotation):
        yield from keys_of(argument)


@pytest.mark.parametrize("section", [name for name in ModelSpec.model_fields if name != "sha256"])
def test_every_key_of_a_spec_is_documented(section: str) -> None:
    pages = dict(re.findall(r"^## `(\w+)`\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
    keys = {name for name, _ in keys_of(ModelSpec.model_fields[section].annotation)}
    assert f"| `{section}` |" in PAGE.split("## `", 1)[0]
    assert {key for key in keys if f"`{key}`" not in pages[section]} == set()


@pytest.mark.parametrize(
    ("key", "default"), sorted(re.findall(r"^\| `(\w+)` \| `(\w[^`]*)` \|", PAGE, re.MULTILINE))
)
def test_every_documented_default_of_a_spec_is_right(key: str, default: str) -> None:
    defaults = {str(field.default) for name, field in keys_of(ModelSpec) if name == key}
    assert default.capitalize() in {value.capitalize() for value in defaults}
