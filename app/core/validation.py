"""Request bodies and rows → validated rows, or a Problem that says what is allowed."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any

from pydantic_core import SchemaValidator, ValidationError, core_schema, from_json, to_json

from app.core.allowed import describe_allowed
from app.core.body_shapes import as_batch, name_shape, write_example
from app.core.chunks import (
    HEAD,
    NotRowsError,
    Work,
    count_sign,
    has_rows,
    rows_per_chunk,
    run_at_once,
    split_body,
    split_rows,
)
from app.core.column_names import ColumnNames
from app.core.errors import LISTED_ERRORS, Problem
from app.core.features import LONGEST_TEXT, CategoryFeature, Feature
from app.core.ids import ALLOWED, LONGEST, Id
from app.core.printable import clean_name, list_some
from app.core.schemas import row_core_schema
from app.core.values import Row

MAX_ERRORS = 1000  # of one body; pydantic-core takes long to list more
SMALL_BODY = 4 * 1024  # bytes; validating so few takes less than a millisecond, whatever they hold
LARGE_ROW = 256 * 1024  # bytes
MAX_NESTED = 500  # objects within a row, of which the error shall name the field
LOOK_AHEAD = 16 * 1024  # bytes in which an error of the JSON is looked for
ONE_NUMBER = " A number stands without quotes and brackets."
JSON_INVALID = "json_invalid"
WRONG_SHAPE = "wrong_shape"
EXACT = {
    "int_from_float": "multiple_of",
    "bool_parsing": "bool_type",
}  # one name for all fractions, and words
LATER_ROWS = "Later rows were not checked."
Loc = tuple[str | int, ...]
RowError = tuple[Loc, str]  # where, and the type

_BATCH = re.compile(rb'\s*+\{\s*+"inputs"')
_JSON = SchemaValidator(core_schema.typed_dict_schema({}, extra_behavior="ignore"))


class RowValidator:
    """Accepts rows as the features declare them, and returns their values in the order of the features.

    pydantic-core copies a wrong value before it refuses it, and for a missing field the whole row. So here no
    field is required and the first wrong row ends a validation; a second pass, row by row, lists the errors.
    """

    def __init__(
        self, features: Sequence[Feature], max_rows: int | None = None, ids: Sequence[Id] = ()
    ) -> None:
        row = row_core_schema(features, ids, mostly_integers=True)
        rows = core_schema.list_schema(row, strict=True, min_length=1, max_length=max_rows, fail_fast=True)
        inputs = core_schema.typed_dict_field(rows)
        self._row = SchemaValidator(row)
        self._batch = SchemaValidator(
            core_schema.typed_dict_schema({"inputs": inputs}, extra_behavior="forbid")
        )
        self._chunk = SchemaValidator(core_schema.list_schema(row, strict=True, fail_fast=True))
        row = row_core_schema(features, ids, mostly_integers=False)
        self._exact_row = SchemaValidator(row)
        self._exact_chunk = SchemaValidator(core_schema.list_schema(row, strict=True, fail_fast=True))
        self._features = features
        self._width = len(features) + len(ids)
        self._widths = frozenset([self._width])
        self._rows_per_chunk = rows_per_chunk(self._width)
        self._longest_row = max(LARGE_ROW, 256 * self._width)
        self._max_rows = math.inf if max_rows is None else max_rows
        self._max_braces = self._max_rows * (1 + _count_most(features, "{") + len(ids) * LONGEST) + 1
        self._brackets = _count_most(features, "[") + len(ids) * LONGEST
        self._order = {name: number for number, field in enumerate([*features, *ids]) for name in field.names}
        self._allowed = {name: describe_allowed(feature) for feature in features for name in feature.names}
        self._codes = {
            name
            for feature in features
            if isinstance(feature, CategoryFeature) and any(map(_is_number, feature.categories))
            for name in feature.names
        }
        self._allowed |= {name: ALLOWED for one in ids for name in one.names}
        self._names = ColumnNames([field.names for field in [*features, *ids]])
        self._fields = [field.name for field in [*features, *ids]]
        self._example = write_example(features)
        known = list_some(self._fields)
        self._messages = {
            "extra_forbidden": f"Unknown field, or one given twice under two names. A row has: {known}.",
            "dict_type": f"Must be an object. A row has: {known}.",
            "list_type": "Must be an array of rows.",
            "too_short": "At least one row is needed.",
            "too_long": f"At most {max_rows} rows are allowed in one request (MAX_ROWS).",
            WRONG_SHAPE: 'Must be {"inputs": [row, …]} or one row: an object of plain values with at '
            f"most {self._longest_row} bytes. A row has: {known}.",
        }

    def parse(self, body: bytes) -> list[Row]:
        """Return the rows of `{"inputs": [row, …]}` or of one bare row.

        Raises:
            Problem: 400 for a body that is not JSON, 422 for rows that do not fit the features.
        """
        if len(body) > SMALL_BODY and not (len(body) <= self._longest_row and self._is_flat(body)):
            return run_at_once(self.parse_in_chunks(body))
        is_batch = body.startswith(b'{"inputs"') or bool(_BATCH.match(body))
        failure = None
        try:
            rows: list[Row]
            rows = self._batch.validate_json(body)["inputs"] if is_batch else [self._row.validate_json(body)]
            for row in rows:
                if len(row) != self._width:
                    break
            else:
                return rows
        except ValidationError as error:
            failure = error
            batch = as_batch(body, self._max_rows)
            if batch is not None:
                return self.parse(batch)
        raise name_shape(body, self._order, self._example) or self._explain(body, is_batch, failure)

    def parse_in_chunks(self, body: bytes) -> Work[list[Row]]:
        """Do as `parse` does, in chunks."""
        head, braces, is_flat = HEAD.match(body), count_sign(body, b"{"), self._is_flat(body)
        if head is None:
            batch = as_batch(body, self._max_rows)
            if batch is not None:
                return (yield from self.parse_in_chunks(batch))
            if is_flat and braces <= MAX_NESTED and len(body) <= self._longest_row:
                return self.parse(body)
            raise name_shape(body, self._order, self._example) or self._refuse_shape(body, 0)
        if braces > self._max_braces and has_rows(body, head.end(), int(self._max_rows)):
            raise self._invalid_rows([(("inputs",), "too_long")])
        rows: list[Row] = []
        position = head.end()
        size = min(self._rows_per_chunk, LARGE_ROW * braces // len(body)) or 1
        for position, end in split_body(body, head.end(), size) if is_flat else ():
            # A chunk is larger only if its rows are much larger than those of other chunks.
            chunk = body[position:end] if end - position <= 2 * LARGE_ROW else b""
            accepted = self._validate(self._chunk.validate_json, b"[%b]" % chunk)
            if not accepted:
                break
            rows += accepted
            yield
        else:
            if rows:
                return self._limit(rows)
        return self._limit((yield from self._parse_one_by_one(body, position, rows)))

    def check_in_chunks(self, rows: Iterable[Mapping[str, Any]]) -> Work[list[Row]]:
        """Return rows that are Python values already; raise Problem as `parse` does."""
        valid: list[Row] = []
        rest = iter(rows)
        while chunk := list(islice(rest, self._rows_per_chunk)):
            accepted = self._validate(self._exact_chunk.validate_python, chunk)
            if accepted is None:
                return (yield from self._read_one_by_one(chain(chunk, rest), valid, ()))
            valid += accepted
            yield
        if not valid:
            raise self._invalid_rows([((), "too_short")])
        return valid

    def check_one_by_one(self, rows: Iterable[Mapping[str, Any]], lines: Sequence[int]) -> Work[list[Row]]:
        """Do as `check_in_chunks` does for rows of a file: errors name the line of a row, not its number."""
        valid = yield from self._read_one_by_one(rows, [], (), lines)
        if not valid:
            raise self._invalid_rows([((), "too_short")], lines=lines)
        return valid

    def _is_flat(self, body: bytes) -> bool:
        """Return whether a body has no more arrays than a batch, as far as the number of brackets tells."""
        brackets = count_sign(body, b"[")
        return brackets <= 1 or brackets <= 1 + self._brackets * count_sign(body, b"{")

    def _explain(self, body: bytes, is_batch: bool, failure: ValidationError | None) -> Problem:
        """Return what is wrong with a body that is not accepted as a whole."""
        if failure and _is_not_json(failure):
            return _not_json(failure)
        value = from_json(body)
        rows = value["inputs"] if is_batch else [value]
        if isinstance(rows, list):
            if len(rows) > self._max_rows:
                return self._invalid_rows([(("inputs",), "too_long")])
            texts = (to_json(row, inf_nan_mode="constants") for row in rows)
            try:
                run_at_once(self._read_one_by_one(texts, [], ("inputs",) if is_batch else None))
            except Problem as problem:
                return problem
        return self._invalid_rows(_list_errors(failure) if failure else [((), WRONG_SHAPE)])

    def _validate(self, validate: Callable[[Any], list[Row]], chunk: Any) -> list[Row] | None:
        """Return the rows of a chunk; None if one of them is not accepted."""
        try:
            rows = validate(chunk)
        except ValidationError:
            return None
        return rows if self._widths.issuperset(map(len, rows)) else None

    def _parse_one_by_one(self, body: bytes, start: int, rows: list[Row]) -> Work[list[Row]]:
        texts = split_rows(body, start, self._longest_row)
        try:
            return (yield from self._read_one_by_one(texts, rows, ("inputs",)))
        except NotRowsError as error:
            raise self._refuse_shape(body, error.position, ("inputs", len(rows))) from error

    def _read_one_by_one(
        self,
        rows: Iterable[bytes | Mapping[str, Any]],
        valid: list[Row],
        prefix: Loc | None,
        lines: Sequence[int] | None = None,
    ) -> Work[list[Row]]:
        """Add rows to those that are `valid` already, until `LISTED_ERRORS` errors are known.

        `prefix` is where all the rows are in the body; None for one bare row.

        Raises:
            NotRowsError: the rows can't be told apart, and there is no error before.
            Problem: 422 for rows that do not fit the features, 400 for one that is not JSON.
        """
        errors: list[RowError] = []
        remain = False
        try:
            for number, row in enumerate(rows, len(valid)):
                remain = len(errors) >= LISTED_ERRORS
                if remain:
                    break
                at = () if prefix is None else (*prefix, number)
                errors += [((*at, *loc), kind) for loc, kind in self._read_row(row, valid, at)]
                if not number % MAX_NESTED:
                    yield
        except NotRowsError:
            remain = True
            if not errors:
                raise
        if errors:
            raise self._invalid_rows(errors, remain=remain, lines=lines)
        return valid

    def _read_row(self, row: bytes | Mapping[str, Any], valid: list[Row], at: Loc) -> list[RowError]:
        """Return the errors of a row, in the order of the features; without one, add the row to `valid`."""
        errors: list[RowError] = []
        if isinstance(row, bytes) and len(row) > SMALL_BODY and not self._is_flat(row):
            return [((), WRONG_SHAPE)]
        try:
            exact = self._exact_row
            accepted = exact.validate_json(row) if isinstance(row, bytes) else exact.validate_python(row)
            if len(accepted) == self._width:
                valid.append(accepted)
                return []
        except ValidationError as failure:
            if _is_not_json(failure):
                raise _not_json(failure, at) from failure
            errors = _list_errors(failure)
        names = from_json(row) if isinstance(row, bytes) else row
        if isinstance(names, Mapping):
            errors = [(loc, _name_plain(kind, loc, names)) for loc, kind in errors]
            errors += [
                ((feature.name,), "missing")
                for feature in self._features
                if feature.absent is None and names.keys().isdisjoint(feature.names)
            ]
        return sorted(errors, key=lambda error: self._order.get("".join(map(str, error[0])), self._width))

    def _limit(self, rows: list[Row]) -> list[Row]:
        if not rows:
            raise self._invalid_rows([(("inputs",), "too_short")])
        if len(rows) > self._max_rows:
            raise self._invalid_rows([(("inputs",), "too_long")])
        return rows

    def _refuse_shape(self, body: bytes, position: int, loc: Loc = ()) -> Problem:
        """Return what is wrong with a body that is no batch: 400 if no JSON stands at `position`."""
        text = body[position : position + LOOK_AHEAD]
        try:
            _JSON.validate_json(text)
        except ValidationError as failure:
            reason = _reason(failure)
            is_cut = position + len(text) < len(body)
            if not (reason.startswith("trailing") or (is_cut and reason.startswith("EOF"))):
                return _not_json(failure, loc)
        return self._invalid_rows([(loc, WRONG_SHAPE)], remain=bool(loc))

    def _invalid_rows(
        self, errors: Sequence[RowError], *, remain: bool = False, lines: Sequence[int] | None = None
    ) -> Problem:
        """Return the Problem that lists the first of `errors`, and says whether rows `remain` unchecked."""
        listed = [self._describe_error(loc, kind, lines) for loc, kind in errors[:LISTED_ERRORS]]
        where = ("." if lines is None else " ").join(map(str, listed[0]["loc"])) or "body"
        at = f"{len(errors)} errors, the first at" if len(errors) > 1 else "At"
        return Problem(
            422,
            "invalid-rows",
            f"{at} {where}: {listed[0]['msg']}" + (f" {LATER_ROWS}" if remain else ""),
            errors=listed,
            errors_omitted=len(errors) - len(listed),
        )

    def _describe_error(self, loc: Loc, kind: str, lines: Sequence[int] | None) -> dict[str, Any]:
        printable = [key if key in self._order else _printable(key) for key in loc]
        if lines is not None and loc and isinstance(loc[0], int):
            printable[:1] = ["line", lines[loc[0]]]
        message = self._message(loc, kind)
        if loc and isinstance(loc[-1], str) and not isinstance(loc[0], int):
            message += self._hint(loc[-1], kind)
        return {"loc": printable, "msg": message, "type": kind}

    def _hint(self, name: str, kind: str) -> str:
        """Return what the sender of JSON probably meant."""
        if kind == "float_type":
            return ONE_NUMBER
        if kind in {"literal_error", "category_type"} and name in self._codes:
            return " Text stands in quotes."
        number = self._names.guess(name) if kind == "extra_forbidden" and name not in self._order else None
        return "" if number is None else f" Perhaps {self._fields[number]} is meant."

    def _message(self, loc: Loc, kind: str) -> str:
        allowed = self._allowed.get(str(loc[-1])) if loc else None
        if kind == "missing":
            return f"Required: {allowed}."
        return self._messages.get(kind, f"Must be {allowed}.")


def _is_not_json(failure: ValidationError) -> bool:
    return failure.error_count() == 1 and _details(failure)[0]["type"] == JSON_INVALID


def _not_json(failure: ValidationError, loc: Loc = ()) -> Problem:
    """Return the Problem of a body of which the part at `loc` is not JSON."""
    counted = f", counted from {'.'.join(map(str, loc))}" if loc else ""
    return Problem(400, "invalid-json", f"The body is not JSON: {_reason(failure)}{counted}.")


def _reason(failure: ValidationError) -> str:
    context = failure.errors(include_url=False, include_input=False)[0].get("ctx", {})
    return str(context.get("error", ""))


def _list_errors(failure: ValidationError) -> list[RowError]:
    if failure.error_count() > MAX_ERRORS:
        return [((), WRONG_SHAPE)]
    return [(error["loc"], EXACT.get(error["type"], error["type"])) for error in _details(failure)]


def _name_plain(kind: str, loc: Loc, row: Mapping[str, Any]) -> str:
    """Return another name for the error of null or a boolean in place of a number: quotes are no cause."""
    value = row.get(str(loc[-1])) if loc else None
    return "number_type" if kind == "float_type" and (value is None or isinstance(value, bool)) else kind


def _details(failure: ValidationError) -> list[Any]:
    return list(failure.errors(include_url=False, include_input=False, include_context=False))


def _count_most(features: Iterable[Feature], sign: str) -> int:
    """Return how often the JSON of a row may have a sign within its names and values."""
    return sum(map(partial(_count_in_feature, sign), features))


def _count_in_feature(sign: str, feature: Feature) -> int:
    in_names = max(name.count(sign) for name in feature.names)
    if feature.is_open or (isinstance(feature, CategoryFeature) and feature.may_replace):
        return in_names + LONGEST_TEXT
    values = [value for value in feature.codes if isinstance(value, str)]
    return in_names + max((value.count(sign) for value in values), default=0)


def _printable(key: str | int) -> str | int:
    """Return a row number, or the name of a field, cut and cleaned: a client may send any text."""
    return key if isinstance(key, int) else clean_name(key)


def _is_number(text: str) -> bool:
    return text.lstrip("+-").replace(".", "", 1).isdigit()
