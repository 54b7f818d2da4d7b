"""The features of a contract as request types: validation by pydantic-core, and JSON Schema for the docs."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import SchemaValidator, ValidationError, core_schema

from app.errors import LISTED_ERRORS, Problem
from app.features import (
    BooleanFeature,
    CategoryFeature,
    Feature,
    IntegerFeature,
    NumberFeature,
    RangedFeature,
    Row,
)

LONGEST_ECHO = 64
SMALL_BODY = 64 * 1024  # bytes; checked in no time, whatever it holds
Loc = tuple[str | int, ...]

_BATCH = re.compile(rb'\s*\{\s*"inputs"')
_UNPRINTABLE = re.compile(r"[^\w .:/-]")


class RowValidator:
    """Accepts rows as the features declare them; values come out in the order of the features."""

    def __init__(self, features: Sequence[Feature], max_rows: int | None = None) -> None:
        row = core_schema.typed_dict_schema(
            {feature.name: _field(feature) for feature in features}, extra_behavior="forbid"
        )
        rows = core_schema.list_schema(row, strict=True, min_length=1, max_length=max_rows)
        inputs = core_schema.typed_dict_field(rows)
        self._row = SchemaValidator(row)
        self._rows = SchemaValidator(rows)
        self._batch = SchemaValidator(
            core_schema.typed_dict_schema({"inputs": inputs}, extra_behavior="forbid")
        )
        self._allowed = {name: allowed(feature) for feature in features for name in feature.names}
        # pydantic-core takes many seconds over a million fields that it does not know.
        self._most_colons = math.inf if max_rows is None else max_rows * sum(map(_colons, features)) + 1
        known = ", ".join(feature.name for feature in features)
        self._messages = {
            "extra_forbidden": f"Unknown field, or one given twice under two names. A row has: {known}.",
            "dict_type": f"Must be an object. A row has: {known}.",
            "list_type": "Must be an array of rows.",
            "too_short": "At least one row is needed.",
            "too_long": f"At most {max_rows} rows are allowed in one request.",
        }

    def parse(self, body: bytes) -> list[Row]:
        """Return the rows of `{"inputs": [row, …]}` or of one bare row.

        Raise Problem 400 for what is not JSON, 422 for what does not fit the features.
        """
        if len(body) > SMALL_BODY and body.count(b":") > self._most_colons:
            raise self._refusal([(("inputs",), "too_long")])
        try:
            if _BATCH.match(body):
                batch: list[Row] = self._batch.validate_json(body)["inputs"]
                return batch
            return [self._row.validate_json(body)]
        except ValidationError as error:
            raise self._problem(error) from error

    def check(self, rows: Sequence[Mapping[str, Any]], lines: Sequence[int] | None = None) -> list[Row]:
        """Return rows that are Python values already; raise Problem as `parse` does.

        `lines` says where in a file each row stands, which errors then name.
        """
        try:
            checked: list[Row] = self._rows.validate_python(rows)
        except ValidationError as error:
            raise self._problem(error, lines) from error
        return checked

    def _problem(self, error: ValidationError, lines: Sequence[int] | None = None) -> Problem:
        details = error.errors(include_url=False, include_input=False)
        if details[0]["type"] == "json_invalid":
            return Problem(400, "invalid-json", f"The body is not JSON: {details[0]['ctx']['error']}.")
        return self._refusal([(each["loc"], each["type"]) for each in details], lines)

    def _refusal(self, found: Sequence[tuple[Loc, str]], lines: Sequence[int] | None = None) -> Problem:
        """Describe the first of the mistakes found, and count the others."""
        errors = [self._entry(loc, kind, lines) for loc, kind in found[:LISTED_ERRORS]]
        where = ("." if lines is None else " ").join(map(str, errors[0]["loc"])) or "body"
        at = f"{len(found)} errors, the first at" if len(found) > 1 else "At"
        return Problem(
            422,
            "invalid-rows",
            f"{at} {where}: {errors[0]['msg']}",
            errors=errors,
            errors_omitted=len(found) - len(errors),
        )

    def _entry(self, loc: Loc, kind: str, lines: Sequence[int] | None) -> dict[str, Any]:
        shown = [_echo(each) for each in loc]
        if lines is not None and loc and isinstance(loc[0], int):
            shown[:1] = ["line", lines[loc[0]]]
        return {"loc": shown, "msg": self._message(loc, kind), "type": kind}

    def _message(self, loc: Loc, kind: str) -> str:
        allowed = self._allowed.get(str(loc[-1])) if loc else None
        if kind == "missing":
            return f"Required: {allowed}."
        return self._messages.get(kind, f"Must be {allowed}.")


def _colons(feature: Feature) -> int:
    """Return how many colons the feature can have in the JSON of one row, its key's included."""
    texts = [*feature.names, *(value for value in feature.codes if isinstance(value, str))]
    return 1 + 2 * max(text.count(":") for text in texts)


def _field(feature: Feature) -> core_schema.TypedDictField:
    names: list[list[str | int]] = [[name] for name in feature.names]
    return core_schema.typed_dict_field(_value(feature), validation_alias=names)


def _value(feature: Feature) -> core_schema.CoreSchema:
    markers = feature.missing.markers if feature.missing else ()
    schema: core_schema.CoreSchema
    match feature:
        case CategoryFeature():
            schema = core_schema.literal_schema([*feature.categories, *markers])
            markers = ()
        case BooleanFeature():
            schema = core_schema.bool_schema(strict=True)
        case RangedFeature():
            # An integer is a float without a fraction: JSON makes no difference between 39 and 39.0.
            schema = core_schema.float_schema(
                strict=True,
                allow_inf_nan=False,
                ge=feature.minimum,
                le=feature.maximum,
                multiple_of=1 if isinstance(feature, IntegerFeature) else None,
            )
    if feature.missing is not None:
        schema = core_schema.nullable_schema(schema)
    if markers:
        schema = core_schema.no_info_before_validator_function(
            lambda value: None if value in markers else value, schema
        )
    return schema


def allowed(feature: Feature) -> str:
    """Say in words what a feature accepts."""
    match feature:
        case CategoryFeature():
            words = f"one of {', '.join(feature.categories)}"
        case BooleanFeature():
            words = "true or false"
        case IntegerFeature():
            words = f"a whole number from {feature.minimum} to {feature.maximum}"
        case NumberFeature():
            words = f"a number from {feature.minimum:.15g} to {feature.maximum:.15g}"
    if feature.missing is None:
        return words
    return f"{words}; or, when missing, {' or '.join(['null', *feature.missing.markers])}"


def _echo(part: str | int) -> str | int:
    """Return a row number, or a field's name cut to what is safe to print: it may be any text."""
    return part if isinstance(part, int) else _UNPRINTABLE.sub("_", part[:LONGEST_ECHO])


def row_schema(features: Sequence[Feature]) -> dict[str, Any]:
    """Return the JSON Schema of one row."""
    return {
        "type": "object",
        "title": "Row",
        "properties": {feature.name: _property(feature) for feature in features},
        "required": [feature.name for feature in features],
        "additionalProperties": False,
        "examples": [{feature.name: feature.example for feature in features}],
    }


def _property(feature: Feature) -> dict[str, Any]:
    notes = [f"Unit: {feature.unit}."] if feature.unit else []
    notes += [f"Also accepted as: {', '.join(feature.aliases)}."] if feature.aliases else []
    missing: list[str | None] = [] if feature.missing is None else [*feature.missing.markers, None]
    value: dict[str, Any]
    match feature:
        case CategoryFeature():
            value = {
                "type": ["string", "null"] if missing else "string",
                "enum": [*feature.categories, *missing],
            }
            missing = []
        case BooleanFeature():
            value = {"type": "boolean"}
        case RangedFeature():
            value = {"type": feature.type, "minimum": feature.minimum, "maximum": feature.maximum}
    if missing:
        value = {"anyOf": [value, {"enum": missing}]}
    description = {"description": " ".join(notes)} if notes else {}
    return {"title": feature.title} | description | value | {"examples": [feature.example]}
