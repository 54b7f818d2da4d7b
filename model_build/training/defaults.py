"""The defaults that a spec leaves to the training rows: a mean, a median or a mode."""

from collections import Counter
from collections.abc import Sequence
from statistics import fmean, median

from app.core.features import Feature, IntegerFeature
from app.core.values import Row, Value


def compute_defaults(features: Sequence[Feature], rows: Sequence[Row]) -> dict[str, Value]:
    """Return the values of the defaults that are named by a statistic; missing values do not count."""
    statistics = {
        feature: feature.default.training
        for feature in features
        if feature.default and feature.default.training
    }
    columns: dict[str, list[Value]] = {feature.name: [] for feature in statistics}
    for row in rows if statistics else ():
        for name, cells in columns.items():
            cells.append(row[name])
    return {
        feature.name: _compute(feature, statistic, columns[feature.name])
        for feature, statistic in statistics.items()
    }


def _compute(feature: Feature, statistic: str, cells: Sequence[Value]) -> Value:
    """Return the statistic of a feature; of equally frequent values, the mode is the first one."""
    markers = feature.missing.markers if feature.missing else ()
    values = [cell for cell in cells if cell not in {None, *markers}]
    if statistic == "mode" or not values:
        return Counter(values).most_common(1)[0][0] if values else None
    numbers = [float(value) for value in values if value is not None]
    number = fmean(numbers) if statistic == "mean" else median(numbers)
    return round(number) if isinstance(feature, IntegerFeature) else number
