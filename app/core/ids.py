"""Ids: what a row may hold for its sender alone. The model does not read them; the answer repeats them."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field
from pydantic_core import core_schema

from app.core.base_feature import Frozen
from app.core.values import Row

LONGEST = 100  # characters
LARGEST = 2**63 - 1
EXACT = 2**53  # beyond it, a float may be another number than the client sent
ALLOWED = f"text of at most {LONGEST} characters, or a number"

Values = Sequence[str | float | None]
"""Of one row, in the order of the ids; None where the row has none."""


class Id(Frozen):
    """A column of ids."""

    name: str = Field(min_length=1)
    aliases: tuple[str, ...] = ()
    title: str | None = Field(default=None, min_length=1)
    """Default: the name."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every key that a row may use; its own name is the first."""
        return (self.name, *self.aliases)


def id_fields(ids: Sequence[Id]) -> dict[str, core_schema.TypedDictField]:
    """Return the fields of a row's schema: every one is there after validation, None without an id."""
    choices: list[core_schema.CoreSchema] = [
        core_schema.str_schema(strict=True, max_length=LONGEST),
        core_schema.int_schema(strict=True, ge=-LARGEST, le=LARGEST),
        core_schema.float_schema(strict=True, ge=-EXACT, le=EXACT),
    ]
    value = core_schema.nullable_schema(
        core_schema.union_schema([*choices], custom_error_type="id", custom_error_message=ALLOWED)
    )
    schema = core_schema.with_default_schema(value, default=None)
    fields = {}
    for one in ids:
        names: list[list[str | int]] = [[name] for name in one.names]
        fields[one.name] = core_schema.typed_dict_field(schema, validation_alias=names, required=False)
    return fields


def id_properties(ids: Sequence[Id]) -> dict[str, Any]:
    """Return the properties of a row's JSON Schema."""
    value = {
        "anyOf": [
            {"type": "string", "maxLength": LONGEST},
            {"type": "integer", "minimum": -LARGEST, "maximum": LARGEST},
            {"type": "number", "minimum": -EXACT, "maximum": EXACT},
            {"type": "null"},
        ],
        "description": "Not read by the model; the answer repeats it.",
    }
    return {one.name: {"title": one.title or one.name, **value} for one in ids}


def split_ids(ids: Sequence[Id], rows: Sequence[Mapping[str, Any]]) -> tuple[list[Row], list[Values]]:
    """Return valid rows without their ids, and the ids of each."""
    names = {one.name for one in ids}
    plain: list[Row] = [{name: value for name, value in row.items() if name not in names} for row in rows]
    return plain, [[row[one.name] for one in ids] for row in rows]


def read_cell(cell: str) -> str | None:
    """Return the id in a cell of a text file; an empty cell has none."""
    return cell.strip() or None
