"""Features as schemas: of pydantic-core, which validates rows, and JSON Schema for the documentation."""

from collections.abc import Sequence
from typing import Any

from pydantic_core import core_schema

from app.core.features import (
    BOOLEANS,
    BooleanFeature,
    CategoryFeature,
    DatetimeFeature,
    Feature,
    IntegerFeature,
    NumberFeature,
    RangedFeature,
    is_whole_number,
    number_to_text,
)
from app.core.ids import Id, id_fields, id_properties
from app.core.instants import LONGEST

DATE_LENGTH = len("2024-05-06")

WORDS = "|".join("".join(f"[{sign.upper()}{sign}]" for sign in word) for word in BOOLEANS if word.isalpha())
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
        fields[feature.name] = core_schema.typed_dict_field(schema, validation_alias=names, required=False)
    return core_schema.typed_dict_schema(fields | id_fields(ids), extra_behavior="forbid")


def _value(feature: Feature, *, mostly_integers: bool) -> core_schema.CoreSchema:
    markers = feature.missing.markers if feature.missing else ()
    schema: core_schema.CoreSchema
    match feature:
        case CategoryFeature():
            schema = core_schema.literal_schema([*feature.categories, *markers])
            if feature.has_numbers:
                schema = core_schema.no_info_before_validator_function(_category_of, schema)
            markers = ()
        case BooleanFeature():
            schema = core_schema.bool_schema(strict=False)
        case IntegerFeature():
            schema = _integer(feature)
            if mostly_integers:
                integer = core_schema.int_schema(strict=True, ge=feature.minimum, le=feature.maximum)
                schema = core_schema.union_schema([integer, schema], mode="left_to_right")
        case NumberFeature():
            schema = _number(feature)
        case DatetimeFeature():
            schema = _instant(feature)
    if feature.missing is not None:
        schema = core_schema.nullable_schema(schema)
    if markers:
        schema = core_schema.no_info_before_validator_function(
            lambda value: None if value in markers else value, schema
        )
    return schema


def _instant(feature: DatetimeFeature) -> core_schema.CoreSchema:
    """Accept text that the feature can read and that lies in its range."""

    def check(text: str) -> str:
        if feature.accepts(text):
            return text
        raise ValueError("no date that is allowed")

    text = core_schema.str_schema(strict=True, max_length=LONGEST)
    date = core_schema.no_info_after_validator_function(check, text)
    return core_schema.custom_error_schema(date, "datetime", custom_error_message=feature.describe())


def _category_of(value: Any) -> Any:
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
            value = _category(feature, missing)
            missing = []
        case BooleanFeature():
            value = {"anyOf": BOOLEAN_FORMS}
        case DatetimeFeature():
            notes.append(f"Must be {feature.describe()}.")
            value = {"type": "string", **_text_format(feature)}
        case RangedFeature():
            value = {"type": feature.type, "minimum": feature.minimum, "maximum": feature.maximum}
    if missing:
        value = {"anyOf": [*value.get("anyOf", [value]), {"enum": missing}]}
    description = {"description": " ".join(notes)} if notes else {}
    return {"title": feature.title} | description | value | {"examples": [feature.example]}


def _category(feature: CategoryFeature, missing: Sequence[str | None]) -> dict[str, Any]:
    if feature.has_numbers:
        numbers = [int(category) for category in feature.categories if is_whole_number(category)]
        return {"enum": [*feature.categories, *numbers, *missing]}
    return {"type": ["string", "null"] if missing else "string", "enum": [*feature.categories, *missing]}


def _text_format(feature: DatetimeFeature) -> dict[str, str]:
    """Return the format of JSON Schema, which knows none but ISO 8601; that of the example, if it is."""
    if feature.format:
        return {}
    return {"format": "date" if len(feature.example) == DATE_LENGTH else "date-time"}
