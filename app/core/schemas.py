"""Features as schemas: of pydantic-core, which validates rows, and JSON Schema for the documentation."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from pydantic_core import core_schema

from app.core.base_feature import Replacement
from app.core.datetime_feature import DatetimeFeature
from app.core.features import (
    LONGEST_TEXT,
    BooleanFeature,
    CategoryFeature,
    Feature,
    IntegerFeature,
    NumberFeature,
    OpenCategoryFeature,
    RangedFeature,
)
from app.core.ids import Id, id_fields, id_properties
from app.core.instants import LONGEST
from app.core.values import BOOLEANS, TRUTH, Value, is_whole_number, number_to_text

DATE_LENGTH = len("2024-05-06")


def _in_any_case(words: Iterable[str]) -> str:
    """Return the pattern of words in lower case, with or without capitals; other signs by their number."""
    return "|".join("".join(map(_sign_in_any_case, word)) for word in words)


def _sign_in_any_case(sign: str) -> str:
    capital = sign.upper()
    if capital != sign and len(capital) == 1:
        return f"[{capital}{sign}]"
    return sign if sign.isalnum() else f"\\u{ord(sign):04x}"


WORDS = _in_any_case(word for word in BOOLEANS if word.isalpha())
TEXT_PATTERN = r"^[^\s\x1c-\x1f\x85]([\s\S]*[^\s\x1c-\x1f\x85])?$"
"""Of text that a cell may hold too: not empty, and without what Python takes for space at its ends."""
TEXT_FORM: dict[str, Any] = {
    "type": ["string", "integer"],
    "pattern": TEXT_PATTERN,
    "maxLength": LONGEST_TEXT,
}
"""What a category that nobody declared may be in JSON."""
BOOLEAN_FORMS = [{"type": "boolean"}, {"enum": [0, 1]}, {"type": "string", "pattern": f"^({WORDS}|0|1)$"}]
"""What a boolean may be in JSON."""


def row_core_schema(
    features: Sequence[Feature], ids: Sequence[Id] = (), *, mostly_integers: bool
) -> core_schema.TypedDictSchema:
    """Return the schema of a row, in which no field is required (RowValidator has the reason).

    After the features come the ids.

    With `mostly_integers`, 39 is read faster than 39.0, but errors of an integer feature come twice.
    """
    fields = {}
    for feature in features:
        # One name is looked up faster than a list of one.
        aliases: list[list[str | int]] = [[name] for name in feature.names]
        names = aliases if feature.aliases else feature.name
        schema = _value(feature, mostly_integers=mostly_integers)
        if feature.absent is not None:
            schema = core_schema.with_default_schema(schema, default=feature.absent)
        fields[feature.name] = core_schema.typed_dict_field(schema, validation_alias=names, required=False)
    return core_schema.typed_dict_schema(fields | id_fields(ids), extra_behavior="forbid")


def _value(feature: Feature, *, mostly_integers: bool) -> core_schema.CoreSchema:
    markers = feature.missing.markers if feature.missing else ()
    schema: core_schema.CoreSchema
    match feature:
        case CategoryFeature():
            schema = _category_schema(feature, markers)
            markers = ()
        case OpenCategoryFeature():
            schema = core_schema.no_info_before_validator_function(_speller(feature), _text())
        case BooleanFeature():
            schema = core_schema.bool_schema(strict=False)
            if feature.words.meanings:
                read = _word_reader(feature)
                schema = core_schema.no_info_before_validator_function(read, schema)
        case RangedFeature():
            schema = _ranged(feature, mostly_integers=mostly_integers)
        case DatetimeFeature():
            schema = _instant(feature)
    if feature.missing is not None:
        schema = core_schema.nullable_schema(schema)
    if markers:
        schema = core_schema.no_info_before_validator_function(
            lambda value: None if value in markers else value, schema
        )
    return schema


def _ranged(feature: IntegerFeature | NumberFeature, *, mostly_integers: bool) -> core_schema.CoreSchema:
    schema = _integer(feature) if isinstance(feature, IntegerFeature) else _number(feature)
    if mostly_integers and isinstance(feature, IntegerFeature):
        integer = core_schema.int_schema(strict=True, ge=feature.minimum, le=feature.maximum)
        schema = core_schema.union_schema([integer, schema], mode="left_to_right")
    if feature.may_replace:
        any_number = core_schema.float_schema(strict=True, allow_inf_nan=False)
        return _or_replacement(feature, schema, any_number, "number_type")
    return schema


def _category_schema(feature: CategoryFeature, markers: Sequence[str]) -> core_schema.CoreSchema:
    schema: core_schema.CoreSchema = core_schema.literal_schema([*feature.levels, *markers])
    if feature.may_replace:
        schema = _or_replacement(feature, schema, _text(), "category_type")
        return core_schema.no_info_before_validator_function(_speller(feature), schema)
    if feature.has_booleans:
        return core_schema.no_info_before_validator_function(number_to_text, schema)
    if feature.has_numbers:
        return core_schema.no_info_before_validator_function(_number_to_text, schema)
    return schema


def _speller(feature: CategoryFeature | OpenCategoryFeature) -> Callable[[Any], Any]:
    """Return what reads any text as that of a cell: without this, `"3.0"` were another category than 3."""
    booleans = isinstance(feature, CategoryFeature) and feature.has_booleans
    to_text = number_to_text if booleans else _number_to_text

    def spell(value: Any) -> Any:
        text = to_text(value)
        return feature.spell(text) if isinstance(text, str) else value

    return spell


def _text() -> core_schema.CoreSchema:
    """Accept text that a cell may hold too: not empty, and without space at its ends."""
    return core_schema.str_schema(strict=True, max_length=LONGEST_TEXT, pattern=TEXT_PATTERN)


def _or_replacement(
    feature: Feature, schema: core_schema.CoreSchema, wide: core_schema.CoreSchema, error: str
) -> core_schema.CoreSchema:
    """Accept also what the feature replaces, of the values that the wide schema accepts."""

    def replace(value: Value) -> Replacement:
        replacement = feature.replace(value)
        if replacement is None:
            raise ValueError("neither a value nor replaced")
        return replacement

    replaced = core_schema.no_info_after_validator_function(replace, wide)
    return core_schema.union_schema(
        [schema, replaced],
        mode="left_to_right",
        custom_error_type=error,
        custom_error_message="not accepted",
    )


def _word_reader(feature: BooleanFeature) -> Callable[[Any], Any]:
    """Return what makes a boolean of a declared word; other values are left to the schema."""
    meanings = feature.words.meanings

    def read(value: Any) -> Any:
        word = _number_to_text(value)
        return meanings.get(word.lower(), value) if isinstance(word, str) else value

    return read


def _instant(feature: DatetimeFeature) -> core_schema.CoreSchema:
    """Accept text that the feature can read and that lies in its range."""

    def check(text: str) -> str:
        if feature.accepts(text):
            return text
        raise ValueError("no date that is allowed")

    text = core_schema.str_schema(strict=True, max_length=LONGEST)
    date = core_schema.no_info_after_validator_function(check, text)
    return core_schema.custom_error_schema(date, "datetime", custom_error_message=feature.describe())


def _number_to_text(value: Any) -> Any:
    """Return the text of a number; true is no number."""
    return value if isinstance(value, bool) else number_to_text(value)


def _integer(feature: IntegerFeature) -> core_schema.CoreSchema:
    """Accept 39 and 39.0: JSON does not distinguish them, and a cell of a text file is a float.

    The first step refuses strings, and names most fractions; the second refuses those, such as 39.0000000001,
    that `multiple_of` tolerates.
    """
    return core_schema.chain_schema([_number(feature, multiple_of=1), core_schema.int_schema()])


def _number(feature: RangedFeature, multiple_of: int | None = None) -> core_schema.CoreSchema:
    return core_schema.float_schema(
        strict=True, allow_inf_nan=False, ge=feature.minimum, le=feature.maximum, multiple_of=multiple_of
    )


def row_schema(features: Sequence[Feature], ids: Sequence[Id] = ()) -> dict[str, Any]:
    """Return the JSON Schema of one row."""
    return {
        "type": "object",
        "title": "Row",
        "properties": {feature.name: _property(feature) for feature in features} | id_properties(ids),
        "required": [feature.name for feature in features if feature.absent is None],
        "additionalProperties": False,
        "examples": [{feature.name: feature.example for feature in features}],
    }


def _property(feature: Feature) -> dict[str, Any]:
    missing: list[str | None] = [] if feature.missing is None else [*feature.missing.markers, None]
    value: dict[str, Any]
    match feature:
        case CategoryFeature():
            value = _category(feature, missing)
            missing = []
        case OpenCategoryFeature():
            value = TEXT_FORM
        case BooleanFeature():
            words = [*_word_forms([*feature.words.meanings])]
            value = {"anyOf": [*BOOLEAN_FORMS, *words]}
        case DatetimeFeature():
            value = {"type": "string", **_text_format(feature)}
        case RangedFeature():
            value = {"type": feature.type}
            if not feature.may_replace:
                value |= {"minimum": feature.minimum, "maximum": feature.maximum}
    if missing:
        value = {"anyOf": [*value.get("anyOf", [value]), {"enum": missing}]}
    notes = [*_notes(feature)]
    description = {"description": " ".join(notes)} if notes else {}
    default = {} if feature.absent is None else {"default": feature.absent.value}
    return {"title": feature.title} | description | value | default | {"examples": [feature.example]}


def _word_forms(words: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield what the declared words of a boolean may be in JSON: a whole number may stand for its text."""
    numbers = [int(word) for word in words if is_whole_number(word)]
    if words:
        yield {"type": "string", "pattern": f"^({_in_any_case(words)})$"}
    if numbers:
        yield {"enum": numbers}


def _notes(feature: Feature) -> Iterator[str]:
    """Yield what people should know of a feature, in sentences."""
    if feature.unit:
        yield f"Unit: {feature.unit}."
    if feature.aliases:
        yield f"Also accepted as: {', '.join(feature.aliases)}."
    if isinstance(feature, DatetimeFeature):
        yield f"Must be {feature.describe()}."
    if isinstance(feature, CategoryFeature) and feature.may_replace:
        yield f"Any other text is read as {feature.unknown_level or 'missing'}."
    if isinstance(feature, RangedFeature) and feature.may_replace:
        yield f"A number outside {feature.minimum:.15g} to {feature.maximum:.15g} is read as the nearer end."


def _category(feature: CategoryFeature, missing: Sequence[str | None]) -> dict[str, Any]:
    values: list[Any] = [*feature.levels]
    if feature.has_numbers:
        values += [int(category) for category in feature.categories if is_whole_number(category)]
    if feature.has_booleans:
        values += [word == "true" for word in TRUTH if feature.may_replace or word in feature.categories]
    if feature.may_replace:
        return {"anyOf": [{"enum": [*values, *missing]}, TEXT_FORM]}
    if len(values) > len(feature.levels):
        return {"enum": [*values, *missing]}
    return {"type": ["string", "null"] if missing else "string", "enum": [*values, *missing]}


def _text_format(feature: DatetimeFeature) -> dict[str, str]:
    """Return the format of JSON Schema, which knows none but ISO 8601; that of the example, if it is."""
    if feature.format:
        return {}
    return {"format": "date" if len(feature.example) == DATE_LENGTH else "date-time"}
