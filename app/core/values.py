"""The values of features, and how numbers and booleans are written as text."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import BeforeValidator

Value = float | str | bool | None
Row = Mapping[str, Value]
Matrix = npt.NDArray[np.float32]

BOOLEANS: dict[str, Value] = {
    **dict.fromkeys(("true", "yes", "on", "t", "y", "1", "1.0"), True),
    **dict.fromkeys(("false", "no", "off", "f", "n", "0", "0.0"), False),
}
"""The words for a boolean, in any case: those that pydantic takes, and the numbers of some files."""
TRUTH = ("true", "false")
_WRITTEN_WITH_A_POINT = re.compile(r"(-?[0-9]+)\.0+")


def number_to_text(value: Any) -> Any:
    """Return a whole number or a boolean as the text that names it as a category or label."""
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case float() if value.is_integer():
            return str(int(value))
    return value


def drop_point(text: str) -> str:
    """Return `3` for `3.0`, as some programs write it when other cells of its column are empty."""
    number = _WRITTEN_WITH_A_POINT.fullmatch(text)
    if number is None:
        return text
    return "0" if number[1] == "-0" else number[1]


def is_whole_number(text: str) -> bool:
    """Return whether this is how `number_to_text` writes a whole number."""
    return text == "0" or bool(re.fullmatch("-?[1-9][0-9]*", text))


Name = Annotated[str, BeforeValidator(number_to_text, json_schema_input_type=str | int | bool)]
"""Text that a file may hold as a number or a boolean."""
