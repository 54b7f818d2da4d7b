"""The errors of YAML and of pydantic as sentences about the keys of a spec."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from model_build.text import pluralize

Models = Sequence[type[BaseModel]]

UNION_TAGS = frozenset({"range", "choices", "rule", "word", "selection", "count"})
"""Tags that pydantic puts into the path of an error; they are no keys of the file."""

MESSAGES = {
    "missing": "this key is required",
    "extra_forbidden": "unknown key; allowed are {keys}",
    "model_type": "must be a mapping with the keys {keys}",
    "string_type": "must be text; a number, true or false needs quotes",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "must match {pattern}",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "literal_error": "must be {expected}",
    "too_short": "needs at least {items}",
    "greater_than": "must be above {gt:g}",
    "less_than": "must be below {lt:g}",
    "greater_than_equal": "must be at least {ge:.17g}",
    "less_than_equal": "must be at most {le:.17g}",
    "union_tag_invalid": "there is no type {tag!r}; allowed are {types}",
    "union_tag_not_found": "the key type is required; allowed are {types}",
    "value_error": "{error}",
}
"""pydantic's types of errors in the words of YAML."""


def describe_yaml_error(error: YAMLError) -> str:
    """Return the line, the column and the problem; the whole error where it has no line."""
    if isinstance(error, MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return " ".join(str(error).split())


def describe_errors(error: ValidationError, document: Mapping[str, Any], model: type[BaseModel]) -> str:
    """Return `features.age.minimum: must be a number.`, and how many more errors there are.

    The key of a list item is the item's name, or its position if it has no name.
    """
    first, *others = _causes(error)
    keys, models = _follow(first["loc"], document, model)
    sentence = ": ".join(filter(None, [".".join(keys), _message(first, models)]))
    return f"{sentence}." + (f" ({len(others)} more)" if others else "")


def list_keys(*models: type[BaseModel]) -> str:
    keys = {name: None for model in models for name, field in model.model_fields.items() if not field.exclude}
    return ", ".join(keys)


def _causes(error: ValidationError) -> list[ErrorDetails]:
    """Return the errors without a list that is too short only because its items are wrong."""
    errors = error.errors(include_url=False)
    parents = {details["loc"][:depth] for details in errors for depth in range(len(details["loc"]))}
    return [details for details in errors if details["type"] != "too_short" or details["loc"] not in parents]


def _follow(
    loc: Sequence[str | int], document: Mapping[str, Any], model: type[BaseModel]
) -> tuple[list[str], Models]:
    """Return the keys on the path to an error, and the models that its value may be of."""
    keys: list[str] = []
    models: Models = [model]
    value: Any = document
    for step in loc:
        if isinstance(step, str) and (variant := _variant(models, step)):
            models = [variant]
            continue
        if step in UNION_TAGS and _child(value, step) is None:
            continue
        value = _child(value, step)
        is_named = isinstance(step, int) and isinstance(value, Mapping) and "name" in value
        keys.append(str(value["name"] if is_named else step))
        models = [child for parent in models for child in _field_models(parent, step)] or models
    return keys, models


def _message(error: ErrorDetails, models: Models) -> str:
    context = error.get("ctx", {})
    words = {
        "keys": list_keys(*models),
        "types": ", ".join(filter(None, map(_type_tag, models))),
        "items": pluralize(context.get("min_length", 0), "item"),
    }
    return MESSAGES.get(error["type"], error["msg"]).format_map(words | context)


def _child(value: Any, step: str | int) -> Any:
    try:
        return value[step]
    except (KeyError, IndexError, TypeError):
        return None


def _variant(models: Iterable[type[BaseModel]], tag: str) -> type[BaseModel] | None:
    """Return the model that the value of `type` chooses; pydantic puts that value into the path."""
    return next((model for model in models if _type_tag(model) == tag), None)


def _type_tag(model: type[BaseModel]) -> str | None:
    field = model.model_fields.get("type")
    return str(get_args(field.annotation)[0]) if field else None


def _field_models(model: type[BaseModel], name: str | int) -> list[type[BaseModel]]:
    """Return the models that the value of a field may be of, however deep they stand in its annotation."""
    field = model.model_fields.get(str(name))
    models: list[type[BaseModel]] = []
    annotations: list[Any] = [field.annotation] if field else []
    for annotation in annotations:
        annotations.extend(get_args(annotation))
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            models.append(annotation)
    return models
