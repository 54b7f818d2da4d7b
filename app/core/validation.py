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

MAX_NAME_LENGTH = 64  # of an unknown field, in an error
JSON_INVALID = "json_invalid"
WHOLE_BODY_ERRORS = {JSON_INVALID, "too_long"}
SMALL_BODY = 64 * 1024  # bytes; validating so few is fast, whatever they hold
Loc = tuple[str | int, ...]
RowError = tuple[Loc, str]  # where, and the type

_BATCH = re.compile(rb'\s*\{\s*"inputs"')
_UNPRINTABLE = re.compile(r"[^\w .:/-]")


class RowValidator:
    """Accepts rows as the features declare them, and returns their values in the order of the features."""

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
        self._max_rows = math.inf if max_rows is None else max_rows
        self._rows_per_chunk = rows_per_chunk(len(features))
        self._chunk = SchemaValidator(
            core_schema.list_schema(row, strict=True, max_length=self._rows_per_chunk)
        )
        self._allowed = {name: describe_allowed(feature) for feature in features for name in feature.names}
        # pydantic-core takes many seconds over a million fields that it does not know.
        self._max_colons = self._max_rows * sum(map(_count_colons, features)) + 1
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

        Raises:
            Problem: 400 for a body that is not JSON, 422 for rows that do not fit the features.
        """
        if len(body) > SMALL_BODY:
            self._refuse_flood(body)
        try:
            if body.startswith(b'{"inputs"') or _BATCH.match(body):
                batch: list[Row] = self._batch.validate_json(body)["inputs"]
                return batch
            return [self._row.validate_json(body)]
        except ValidationError as error:
            raise self._describe_failure(error) from error

    def parse_in_chunks(self, body: bytes) -> Work[list[Row]]:
        """Do as `parse` does, in chunks."""
        self._refuse_flood(body)
        try:
            chunks = split_body(body, self._rows_per_chunk)
            rows = yield from self._validate_chunks(self._chunk.validate_json, chunks, ("inputs",))
        except NotSplittableError:
            return self.parse(body)
        return rows or self.parse(body)

    def _refuse_flood(self, body: bytes) -> None:
        """Raise Problem for a body with more fields than `max_rows` rows have, before it is parsed."""
        if body.count(b":") <= self._max_colons:
            return
        if body.count(b"{") > self._max_rows + 1:
            raise self._invalid_rows([(("inputs",), "too_long")], 1)
        raise self._invalid_rows([((), "too_many_fields")], 1)

    def check_in_chunks(
        self, rows: Sequence[Mapping[str, Any]], lines: Sequence[int] | None = None
    ) -> Work[list[Row]]:
        """Return rows that are Python values already; raise Problem as `parse` does.

        `lines` holds the line of each row in its file; then errors name the line, not the row.
        """
        if not rows:
            raise self._invalid_rows([((), "too_short")], 1, lines)
        size = self._rows_per_chunk
        chunks = (rows[start : start + size] for start in range(0, len(rows), size))
        return (yield from self._validate_chunks(self._chunk.validate_python, chunks, (), lines))

    def _validate_chunks(
        self,
        validate: Callable[[Any], list[Row]],
        chunks: Iterable[Any],
        prefix: Loc,
        lines: Sequence[int] | None = None,
    ) -> Work[list[Row]]:
        """Validate lists of rows, in Python or in JSON; `prefix` is where all the rows are in the body.

        Raises:
            NotSplittableError: only the whole body tells what is wrong, and where.
            Problem: 422 for rows that do not fit the features.
        """
        rows: list[Row] = []
        errors: list[RowError] = []
        count = first = 0
        for chunk in chunks:
            if first >= self._max_rows:
                raise NotSplittableError
            try:
                valid = validate(chunk)
                rows += valid
                first += len(valid)
            except ValidationError as failure:
                count += failure.error_count()
                # Beyond the listed errors, only a single one matters: it may say that the JSON is invalid.
                if len(errors) < LISTED_ERRORS or failure.error_count() == 1:
                    errors += _locate_in_body(_row_errors(failure), prefix, first)
                first += len(from_json(chunk) if isinstance(chunk, bytes) else chunk)
            yield
        if errors:
            raise self._invalid_rows(errors, count, lines)
        if len(rows) > self._max_rows:
            raise NotSplittableError
        return rows

    def _describe_failure(self, failure: ValidationError) -> Problem:
        first = failure.errors(include_url=False, include_input=False)[0]
        if first["type"] == JSON_INVALID:
            return Problem(400, "invalid-json", f"The body is not JSON: {first['ctx']['error']}.")
        return self._invalid_rows(_row_errors(failure), failure.error_count())

    def _invalid_rows(
        self, errors: Sequence[RowError], count: int, lines: Sequence[int] | None = None
    ) -> Problem:
        """Return the Problem that lists the first of `errors` and says that there are `count`."""
        listed = [self._describe_error(loc, kind, lines) for loc, kind in errors[:LISTED_ERRORS]]
        where = ("." if lines is None else " ").join(map(str, listed[0]["loc"])) or "body"
        at = f"{count} errors, the first at" if count > 1 else "At"
        return Problem(
            422,
            "invalid-rows",
            f"{at} {where}: {listed[0]['msg']}",
            errors=listed,
            errors_omitted=count - len(listed),
        )

    def _describe_error(self, loc: Loc, kind: str, lines: Sequence[int] | None) -> dict[str, Any]:
        printable = [_printable(key) for key in loc]
        if lines is not None and loc and isinstance(loc[0], int):
            printable[:1] = ["line", lines[loc[0]]]
        return {"loc": printable, "msg": self._message(loc, kind), "type": kind}

    def _message(self, loc: Loc, kind: str) -> str:
        allowed = self._allowed.get(str(loc[-1])) if loc else None
        if kind == "missing":
            return f"Required: {allowed}."
        return self._messages.get(kind, f"Must be {allowed}.")


def _row_errors(failure: ValidationError) -> list[RowError]:
    details = failure.errors(include_url=False, include_input=False, include_context=False)
    return [(error["loc"], error["type"]) for error in details]


def _locate_in_body(errors: Sequence[RowError], prefix: Loc, first: int) -> list[RowError]:
    """Return the errors of a chunk, whose row 0 is row `first` of the body; raise NotSplittableError."""
    if errors[0][1] in WHOLE_BODY_ERRORS:
        raise NotSplittableError
    return [((*prefix, first + int(loc[0]), *loc[1:]), kind) for loc, kind in errors]


def _count_colons(feature: Feature) -> int:
    """Return the most colons that the feature has in the JSON of one row, its key's included."""
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
            # An integer is a float without a fraction: JSON does not distinguish 39 from 39.0.
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


def _printable(key: str | int) -> str | int:
    """Return a row number, or the name of a field, cut and cleaned: a client may send any text."""
    return key if isinstance(key, int) else _UNPRINTABLE.sub("_", key[:MAX_NAME_LENGTH])


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
