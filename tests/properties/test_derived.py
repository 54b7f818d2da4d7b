"""Whatever the rows hold, derived features are the same for a row alone, in a batch, and as cells of CSV."""

from datetime import datetime
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.core.base_feature import Missing
from app.core.datetime_feature import Since
from app.core.derived import Derived
from app.core.encoders import column_encoder, row_encoder
from app.core.features import LARGEST_NUMBER
from tests.properties.census import often
from tests.support.features import date, grade, rate, secured, years

FEATURES = (
    years(missing=Missing()),
    rate(minimum=-LARGEST_NUMBER, maximum=LARGEST_NUMBER, missing=Missing()),
    grade(missing=Missing()),
    secured(missing=Missing()),
    date(
        missing=Missing(),
        parts=("year", "month", "day", "weekday", "hour", "days"),
        days=Since(since="2000-01-01"),
    ),
)
EXPRESSIONS = (
    "years / (rate / 100) ** 2",
    "0.007184 * years ** 0.425 * (years * 100) ** 0.725",
    "log1p(rate) + sqrt(rate) + exp(years) + log10(years)",
    "rate % 7 + rate // 7 - clip(rate, -5, years)",
    'where(grade == "A", 50, 45.5) + 2.3 * (years / 0.0254 - 60)',
    'secured and rate > 3 or grade in ["B"]',
    "not (secured and is_missing(rate))",
    'days_between(date, date) + hour(date) if date > "2001-01-01" else weekday(date) / 3',
    "min(rate, years, 3) if rate < 2 * years else x0 / 3",
)
DERIVED = tuple(Derived(name=f"x{number}", expression=text) for number, text in enumerate(EXPRESSIONS))

numbers = st.floats(-LARGEST_NUMBER, LARGEST_NUMBER) | st.floats(-1000, 1000) | st.integers(-9, 9).map(float)
values = st.tuples(
    st.none() | st.integers(1, 30),
    st.none() | numbers,
    st.sampled_from([None, "A", "B", "C"]),
    st.sampled_from([None, True, False]),
    st.none() | st.datetimes().map(datetime.isoformat) | st.dates().map(str),
)
rows = values.map(lambda drawn: dict(zip((feature.name for feature in FEATURES), drawn, strict=True)))


def cell(value: Any) -> str:
    return "" if value is None else str(value)


@often
@given(st.lists(rows, min_size=1, max_size=9))
def test_rows_alone_in_a_batch_and_as_cells_are_encoded_alike(
    drawn: list[dict[str, Any]],
) -> None:
    encode = row_encoder(FEATURES, DERIVED)
    together = encode(drawn)
    alone = np.concatenate([encode([row]) for row in drawn])
    columns = [[cell(row[feature.name]) for row in drawn] for feature in FEATURES]
    by_column, refused, _ = column_encoder(FEATURES, DERIVED)(columns)
    np.testing.assert_array_equal(alone, together)
    np.testing.assert_array_equal(by_column, together)
    assert refused == []
    assert together.shape == (len(drawn), len(FEATURES) + 5 + len(DERIVED))
    assert not np.isinf(together).any()
