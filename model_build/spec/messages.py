"""The errors of pydantic as sentences about the keys of a spec."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from model_build.spec.invalid_key import InvalidKey, InvalidKeysError, KeyPath, nearest_name, suggest
from model_build.text import pluralize

Models = Sequence[type[BaseModel]]

MESSAGES = {
    "missing": "this key is required",
    "extra_forbidden": "unknown key{nearest}; allowed are {keys}",
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
    "literal_error": "must be {expected}{nearest}",
    "too_short": "needs at least {items}",
    "greater_than": "must be above {gt:g}",
    "less_than": "must be below {lt:g}",
    "greater_than_equal": "must be at least {ge:.17g}",
    "less_than_equal": "must be at most {le:.17g}",
    "union_tag_invalid": "there is no type {tag!r}{nearest}; allowed are {types}",
    "union_tag_not_found": "the key type is required; allowed are {types}",
    "value_error": "{error}",
}
"""pydantic's types of errors in the words of YAML."""
TYPES = {"float": "number", "str": "category", "string": "category", "text": "category", "enum": "category"}
"""What a type of a feature is called elsewhere, and is called here."""


def list_errors(
    error: ValidationError, document: Mapping[str, Any], model: type[BaseModel]
) -> list[InvalidKey]:
    """Return every error once, with the path to its key in the document.

    A value that none of several types fits is one error. So is a misspelt key: the right one is not missing.
    """
    sentences: dict[KeyPath, list[str]] = {}
    unknown: set[KeyPath] = set()
    meant: set[KeyPath] = set()
    for details in _causes(error):
        path, models = _follow(details, document, model)
        if details["type"] == "extra_forbidden":
            nearest = nearest_name(str(path[-1]), _absent_keys(models, document, path[:-1]))
            meant |= {(*path[:-1], nearest)} if nearest else set()
        for key in _describe(details, models, document, path):
            sentences.setdefault(key.path, []).append(key.sentence)
            unknown |= {key.path} if key.is_unknown else set()
    return [
        InvalidKey(path, _join(texts), path in unknown)
        for path, texts in sentences.items()
        if path not in meant or texts != [MESSAGES["missing"]]
    ]


def list_keys(*models: type[BaseModel]) -> str:
    return ", ".join(_keys(models))


def name_path(path: KeyPath, document: Any) -> str:
    """Return `features.age.minimum`: a list item has its name, or its position if it has no name."""
    keys = []
    for step in path:
        document = _child(document, step)
        is_named = isinstance(step, int) and isinstance(document, Mapping) and "name" in document
        keys.append(str(document["name"] if is_named else step))
    return ".".join(keys)


def _keys(models: Models) -> list[str]:
    fields = [field for model in models for field in model.model_fields.items()]
    return list(dict.fromkeys(name for name, field in fields if not field.exclude))


def _absent_keys(models: Models, document: Any, path: KeyPath) -> list[str]:
    for step in path:
        document = _child(document, step)
    return [key for key in _keys(models) if key not in document]


def _causes(error: ValidationError) -> list[ErrorDetails]:
    """Return the errors without a list that is too short only because its items are wrong."""
    errors = error.errors(include_url=False)
    parents = {details["loc"][:depth] for details in errors for depth in range(len(details["loc"]))}
    return [details for details in errors if details["type"] != "too_short" or details["loc"] not in parents]


def _follow(
    details: ErrorDetails, document: Mapping[str, Any], model: type[BaseModel]
) -> tuple[KeyPath, Models]:
    """Return the path to an error, and the models that its value, or that of its parent, may be of.

    pydantic's own path also has the tags of unions, which are no keys of the document.
    """
    path: list[str | int] = []
    models: Models = [model]
    value: Any = document
    loc = details["loc"]
    for number, step in enumerate(loc, 1):
        if isinstance(step, str) and (variant := _variant(models, step)):
            models = [variant]
            continue
        is_absent = details["type"] == "missing" and number == len(loc)
        if not is_absent and not _has(value, step):
            continue
        value = _child(value, step)
        path.append(step)
        models = [child for parent in models for child in _field_models(parent, step)] or models
    return tuple(path), models


def _describe(details: ErrorDetails, models: Models, document: Any, path: KeyPath) -> Iterator[InvalidKey]:
    """Yield what one error says, which may be about several keys of its value."""
    context = details.get("ctx", {})
    if isinstance(context.get("error"), InvalidKeysError):
        yield from (key._replace(path=(*path, *key.path)) for key in context["error"].keys)
        return
    words = {
        "keys": list_keys(*models),
        "types": ", ".join(filter(None, map(_type_tag, models))),
        "items": pluralize(context.get("min_length", 0), "item"),
        "nearest": _suggest(details, models, document, path),
    }
    at_type = ("type",) if details["type"] == "union_tag_invalid" else ()
    sentence = MESSAGES.get(details["type"], details["msg"]).format_map(words | context)
    yield InvalidKey((*path, *at_type), sentence, details["type"] == "extra_forbidden")


def _suggest(details: ErrorDetails, models: Models, document: Any, path: KeyPath) -> str:
    context = details.get("ctx", {})
    match details["type"]:
        case "extra_forbidden":
            return suggest(path[-1], _absent_keys(models, document, path[:-1]))
        case "union_tag_invalid":
            tag = str(context["tag"])
            return suggest(TYPES.get(tag.lower(), tag), filter(None, map(_type_tag, models)))
        case "literal_error":
            return suggest(details["input"], re.findall("'([^']*)'", context["expected"]))
    return ""


def _join(sentences: Iterable[str]) -> str:
    """Return `must be true or false, or a number` for the sentences about the types of a union."""
    first, *others = dict.fromkeys(sentences)
    return ", or ".join([first, *(sentence.removeprefix("must be ") for sentence in others)])


def _has(value: Any, step: str | int) -> bool:
    if isinstance(value, Mapping):
        return step in value or any(str(key) == step for key in value)
    return isinstance(step, int) and isinstance(value, Sequence) and step < len(value)


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
