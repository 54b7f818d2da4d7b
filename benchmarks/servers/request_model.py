"""The request as anyone would write it by hand with pydantic, made from the contract instead."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

TYPES = {"integer": int, "number": float, "boolean": bool}


def read_contract() -> dict[str, Any]:
    """Read contract.json in the directory in the variable MODEL_DIR."""
    contract: dict[str, Any] = json.loads((Path(os.environ["MODEL_DIR"]) / "contract.json").read_text())
    return contract


def request_model(contract: Mapping[str, Any]) -> type[BaseModel]:
    """Return a model with a list of rows, of which every field has its type, range or categories."""
    fields: dict[str, Any] = {each["name"]: (_type(each), ...) for each in contract["features"]}
    row = create_model("Row", __config__=ConfigDict(extra="forbid"), **fields)
    return create_model("Request", inputs=Annotated[list[row], Field(min_length=1, max_length=10_000)])


def _type(feature: Mapping[str, Any]) -> Any:
    markers = tuple((feature["missing"] or {}).get("markers", ()))
    if feature["type"] == "category":
        value: Any = Literal[(*feature["categories"], *markers)]
    elif feature["type"] == "boolean":
        value = bool
    else:
        limits = Field(ge=feature["minimum"], le=feature["maximum"])
        value = Annotated[TYPES[feature["type"]], limits]
        value = value | Literal[markers] if markers else value
    return value | None if feature["missing"] is not None else value
