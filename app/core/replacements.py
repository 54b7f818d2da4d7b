"""What rows held that stood for something else: taken out of them, and counted for the answer."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from app.core.base_feature import Reason, Replacement
from app.core.features import Feature, RangedFeature
from app.core.values import Row

Replaced = Counter[tuple[str, Reason]]
"""How many rows have a replacement, by the feature and the reason."""


def list_replacements(features: Iterable[Feature]) -> Iterator[tuple[str, Reason]]:
    """Yield the features whose values may be replaced, with each reason."""
    for feature in features:
        if feature.may_replace:
            yield feature.name, "outside" if isinstance(feature, RangedFeature) else "unknown"
        if feature.absent is not None:
            yield feature.name, "default"


def names_of_replaceable(features: Iterable[Feature]) -> tuple[str, ...]:
    """Return the names of the features whose values may be replaced."""
    return tuple(dict.fromkeys(name for name, _ in list_replacements(features)))


def settle(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> tuple[list[Row], Replaced]:
    """Return valid rows with what the model reads in the place of every replacement, and count these."""
    replaced: Replaced = Counter()
    settled: list[Row] = []
    for row in rows:
        values = {name: row[name] for name in names if type(row[name]) is Replacement}
        replaced.update((name, value.reason) for name, value in values.items())
        settled.append({**row, **{name: value.value for name, value in values.items()}} if values else row)
    return settled, replaced
