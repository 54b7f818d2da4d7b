"""docs/spec.md has every key of a spec with its default."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from model_build.spec.model_spec import ModelSpec
from tests.docs.markdown import read

PAGE = read("docs/spec.md")


def keys_of(annotation: Any) -> Iterator[tuple[str, FieldInfo]]:
    """Yield every key of the mappings that a value of this type may hold, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
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
