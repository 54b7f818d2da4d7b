"""What a feature accepts, in words."""

from app.core.datetime_feature import DatetimeFeature
from app.core.features import (
    LARGEST_NUMBER,
    LONGEST_TEXT,
    BooleanFeature,
    CategoryFeature,
    Feature,
    IntegerFeature,
    OpenCategoryFeature,
    RangedFeature,
)
from app.core.printable import list_some


def describe_allowed(feature: Feature) -> str:
    """Say what a feature accepts."""
    words = _describe(feature)
    if feature.missing is None:
        return words
    return f"{words}; or, when missing, {' or '.join(['null', *feature.missing.markers])}"


def describe_range(feature: RangedFeature) -> str:
    """Say what a number may be: its type, and its range unless any is accepted that float32 holds."""
    kind = "a whole number" if isinstance(feature, IntegerFeature) else "a number"
    if feature.may_replace or (feature.minimum, feature.maximum) == (-LARGEST_NUMBER, LARGEST_NUMBER):
        return kind
    return f"{kind} from {feature.minimum:.15g} to {feature.maximum:.15g}"


def _describe(feature: Feature) -> str:
    match feature:
        case CategoryFeature():
            words = f"one of {list_some(feature.levels)}"
            other = f"; or other text of at most {LONGEST_TEXT} characters"
            return words + other if feature.may_replace else words
        case OpenCategoryFeature():
            return f"text of at most {LONGEST_TEXT} characters, without space at its ends"
        case BooleanFeature():
            return " or ".join(["true or false", *feature.words.true, *feature.words.false])
        case RangedFeature():
            return describe_range(feature)
        case DatetimeFeature():
            return feature.describe()
