"""The JSON Schema of a spec, with which editors complete and check a spec while it is written."""

import ast
import inspect
import json
import os
import textwrap
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from model_build.spec.model_spec import ModelSpec

SCHEMA_FILE = Path(__file__).parents[2] / "docs/spec.schema.json"
MODELINE = "# yaml-language-server: $schema="


def render_schema() -> str:
    """Return the text of `docs/spec.schema.json`.

    It describes each section alone; whether sections contradict each other, only the training script checks.
    """
    schema = ModelSpec.model_json_schema(schema_generator=_Generator)
    schema = {"$schema": _Generator.schema_dialect, **schema, "title": "Model spec"}
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def make_modeline(directory: Path) -> str:
    """Return the comment by which an editor finds the schema from a spec in this directory."""
    return MODELINE + Path(os.path.relpath(SCHEMA_FILE, directory.resolve())).as_posix()


class _Generator(GenerateJsonSchema):
    """Leaves out what is no key of a file, and takes descriptions from the docstrings below the fields."""

    def field_is_present(self, field: core_schema.ModelField) -> bool:  # type: ignore[override]
        return not field.get("serialization_exclude")

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - a title would repeat the key
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        json_schema = super().model_schema(schema)
        for name, description in _describe_fields(schema["cls"]).items():
            if name in json_schema.get("properties", {}):
                json_schema["properties"][name].setdefault("description", description)
        return json_schema


def _describe_fields(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstring below each field of a model and of those that it inherits from."""
    descriptions: dict[str, str] = {}
    for cls in reversed(model.__mro__):
        if not issubclass(cls, BaseModel) or cls is BaseModel:
            continue
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
        for field, docstring in pairwise(getattr(body, "body", [])):
            match field, docstring:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    descriptions[name] = " ".join(text.split())
    return descriptions
