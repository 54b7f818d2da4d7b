"""The features of a contract as request types: validation by pydantic-core, and JSON Schema for the docs."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic_core import SchemaValidator, ValidationError, core_schema, from_json

from app.core.chunks import NotSplittableError, Work, rows_per_chunk, split_body
from app.core.errors import LISTED_ERRORS, Problem
from app.core.features import (
    BooleanFeature,
    CategoryFeature,
    Feature,
    IntegerFeature,
    NumberFeature,
    RangedFeature,
    Row,
)

LONGEST_ECHO = 64
JSON_INVALID = "json_invalid"
NOT_OF_A_PART = {JSON_INVALID, "too_long"}
SMALL_BODY = 64 * 1024  # bytes; checked in no time, whatever it holds
Loc = tuple[str | int, ...]
RowError = tuple[Loc, str]  # where, and of which type

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
        self._batch = SchemaValidator(
            core_schema.typed_dict_schema({"inputs": inputs}, extra_behavior="forbid")
        )
        self._most_rows = math.inf if max_rows is None else max_rows
        self._rows_of_a_part = rows_per_chunk(len(features))
        self._part = SchemaValidator(
            core_schema.list_schema(row, strict=True, max_length=self._rows_of_a_part)
        )
        self._allowed = {name: describe_allowed(feature) for feature in features for name in feature.names}
        # pydantic-core takes many seconds over a million fields that it does not know.
        self._most_colons = self._most_rows * sum(map(_colons, features)) + 1
        known = ", ".join(feature.name for feature in features)
        self._messages = {
            "extra_forbidden": f"Unknown field, or one given twice under two names. A row has: {known}.",
            "dict_type": f"Must be an object. A row has: {known}.",
            "list_type": "Must be an array of rows.",
            "too_short": "At least one row is needed.",
            "too_many_fields": f"More fields than {max_rows} rows have. A row has: {known}.",
            "too_long": f"At most {max_rows} rows are allowed in one request.",
        }

    def parse(self, body: bytes) -> list[Row]:
        """Return the rows of `{"inputs": [row, …]}` or of one bare row.

        Raise Problem 400 for what is not JSON, 422 for what does not fit the features.
        """
        if len(body) > SMALL_BODY:
            self._refuse_flood(body)
        try:
            if _BATCH.match(body):
                batch: list[Row] = self._batch.validate_json(body)["inputs"]
                return batch
            return [self._row.validate_json(body)]
        except ValidationError as error:
            raise self._problem(error) from error

    def parse_in_chunks(self, body: bytes) -> Work[list[Row]]:
        """Do as `parse` does, in parts."""
        self._refuse_flood(body)
        try:
            parts = split_body(body, self._rows_of_a_part)
            rows = yield from self._in_parts(self._part.validate_json, parts, ("inputs",))
        except NotSplittableError:
            return self.parse(body)
        return rows or self.parse(body)

    def _refuse_flood(self, body: bytes) -> None:
        """Raise Problem for a body with more fields than the most rows have, before it is parsed."""
        if body.count(b":") <= self._most_colons:
            return
        if body.count(b"{") > self._most_rows + 1:
            raise self._refusal([(("inputs",), "too_long")], 1)
        raise self._refusal([((), "too_many_fields")], 1)

    def check_in_chunks(
        self, rows: Sequence[Mapping[str, Any]], lines: Sequence[int] | None = None
    ) -> Work[list[Row]]:
        """Return rows that are Python values already; raise Problem as `parse` does.

        `lines` says where in a file each row stands, which errors then name.
        """
        if not rows:
            raise self._refusal([((), "too_short")], 1, lines)
        size = self._rows_of_a_part
        parts = (rows[start : start + size] for start in range(0, len(rows), size))
        return (yield from self._in_parts(self._part.validate_python, parts, (), lines))

    def _in_parts(
        self,
        validate: Callable[[Any], list[Row]],
        parts: Iterable[Any],
        place: Loc,
        lines: Sequence[int] | None = None,
    ) -> Work[list[Row]]:
        """Validate lists of rows, in Python or as JSON; `place` is where in the document all rows stand."""
        rows: list[Row] = []
        found: list[RowError] = []
        count = first = 0
        for part in parts:
            if first >= self._most_rows:
                raise NotSplittableError
            try:
                good = validate(part)
                rows += good
                first += len(good)
            except ValidationError as error:
                count += error.error_count()
                if len(found) < LISTED_ERRORS or error.error_count() == 1:  # one may be of the JSON itself
                    mistakes = _mistakes(error)
                    if mistakes[0][1] in NOT_OF_A_PART:
                        raise NotSplittableError from error
                    found += [((*place, first + int(loc[0]), *loc[1:]), kind) for loc, kind in mistakes]
                first += len(from_json(part) if isinstance(part, bytes) else part)
            yield
        if found:
            raise self._refusal(found, count, lines)
        if len(rows) > self._most_rows:
            raise NotSplittableError
        return rows

    def _problem(self, error: ValidationError) -> Problem:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == JSON_INVALID:
            return Problem(400, "invalid-json", f"The body is not JSON: {first['ctx']['error']}.")
        return self._refusal(_mistakes(error), error.error_count())

    def _refusal(self, found: Sequence[RowError], count: int, lines: Sequence[int] | None = None) -> Problem:
        """Describe the first of the mistakes found, and say that there are `count`."""
        errors = [self._entry(loc, kind, lines) for loc, kind in found[:LISTED_ERRORS]]
        where = ("." if lines is None else " ").join(map(str, errors[0]["loc"])) or "body"
        at = f"{count} errors, the first at" if count > 1 else "At"
        return Problem(
            422,
            "invalid-rows",
            f"{at} {where}: {errors[0]['msg']}",
            errors=errors,
            errors_omitted=count - len(errors),
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


def _mistakes(error: ValidationError) -> list[RowError]:
    details = error.errors(include_url=False, include_input=False, include_context=False)
    return [(each["loc"], each["type"]) for each in details]


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


def describe_allowed(feature: Feature) -> str:
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
