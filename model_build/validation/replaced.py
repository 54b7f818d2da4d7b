"""Values that the model reads as another, as the spec asks, and values that it can't tell apart."""

from collections.abc import Iterator

import pandas as pd

from app.core.features import CategoryFeature, Feature, OpenCategoryFeature, RangedFeature
from model_build.artifacts import Cleaning, Violation
from model_build.spec.model_spec import ModelSpec
from model_build.text import pluralize


def find_replaced(spec: ModelSpec, cleaning: Cleaning) -> Iterator[Violation]:
    """Yield a warning for every feature some of whose values were read as another."""
    for feature in spec.features:
        count = cleaning.replaced.get(feature.name, 0)
        if count:
            verb = "is" if count == 1 else "are"
            sentence = f"{feature.name}: {pluralize(count, 'value')} {verb} {_how(feature)}"
            yield Violation(
                check="replaced", severity="warn", column=feature.name, sentence=sentence, rows=count
            )


def find_shared_buckets(spec: ModelSpec, typed: pd.DataFrame) -> Iterator[Violation]:
    """Yield a warning for every open category with different values that share a bucket."""
    for feature in spec.features:
        if not isinstance(feature, OpenCategoryFeature):
            continue
        values = typed[feature.name].cat.categories
        buckets = {feature.encode(value) for value in values}
        if len(buckets) < len(values):
            sentence = (
                f"{feature.name}: {len(values):,} different values fill {len(buckets):,} of "
                f"{feature.buckets:,} buckets; those that share one are read as equal. More `buckets` tell "
                "more apart"
            )
            yield Violation(check="replaced", severity="warn", column=feature.name, sentence=sentence)


def _how(feature: Feature) -> str:
    if isinstance(feature, RangedFeature):
        low, high = f"{feature.minimum:.15g}", f"{feature.maximum:.15g}"
        return f"outside {low} to {high}, and read as the nearer end (outside: clip)"
    if isinstance(feature, CategoryFeature):
        return f"no category, and read as {feature.unknown_level or 'missing'} (unknown: {feature.unknown})"
    return "read as another"
