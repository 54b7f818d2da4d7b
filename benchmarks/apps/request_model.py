"""The request as anyone would write it by hand with pydantic, made from the features instead."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from app.core.datetime_feature import DatetimeFeature
from app.core.features import BooleanFeature, CategoryFeature, Feature, IntegerFeature, OpenCategoryFeature


def request_model(features: Sequence[Feature]) -> type[BaseModel]:
    """Return a model with a list of rows, in which every field has its type, range or categories."""
    fields: dict[str, Any] = {feature.name: (_type(feature), ...) for feature in features}
    row = create_model("Row", __config__=ConfigDict(extra="forbid"), **fields)
    return create_model("Request", inputs=Annotated[list[row], Field(min_length=1, max_length=10_000)])


def _type(feature: Feature) -> Any:
    markers = feature.missing.markers if feature.missing else ()
    match feature:
        case CategoryFeature():
            value: Any = Literal[(*feature.categories, *markers)]
        case BooleanFeature():
            value = bool
        case OpenCategoryFeature() | DatetimeFeature():
            value = str
        case _:
            number = int if isinstance(feature, IntegerFeature) else float
            value = Annotated[number, Field(ge=feature.minimum, le=feature.maximum)]
            value = value | Literal[markers] if markers else value
    return value | None if feature.missing else value
