"""Cells are accepted by column as they are row by row, and become the same codes, whatever they hold."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.base_feature import Default, Missing
from app.core.chunks import run_at_once
from app.core.encoders import column_encoder, row_encoder
from app.core.errors import Problem
from app.core.features import LARGEST_INTEGER, LARGEST_NUMBER, Feature, Other, Words
from app.core.replacements import Replaced, names_of_replaceable, settle
from app.core.validation import RowValidator
from app.core.values import Row
from tests.properties.census import often
from tests.support.features import date, grade, rate, secured, years, zip_code

MARKERS = ("?", "n/a", "-1", "39", "nan", " x", "größe", "TRUE", "no", "1e400")
MISSING = Missing(markers=MARKERS)
FEATURES: dict[str, Feature] = {
    "integer": years(minimum=0, maximum=120),
    "integer, any": years(minimum=-LARGEST_INTEGER, maximum=LARGEST_INTEGER, missing=Missing()),
    "integer or missing": years(minimum=-10, maximum=99, missing=MISSING),
    "number": rate(minimum=-1.5, maximum=50.5),
    "number, any": rate(minimum=-LARGEST_NUMBER, maximum=LARGEST_NUMBER),
    "number or missing": rate(minimum=-LARGEST_NUMBER, maximum=LARGEST_NUMBER, missing=MISSING),
    "category": grade(categories=("A", " A", "A,B", "", "größe", "1"), example="A"),
    "category or missing": grade(categories=("B", "A", "A\nB", "", "true"), example="A", missing=MISSING),
    "boolean": secured(),
    "datetime": date(minimum="1999-12-31", maximum="2030-01-01"),
    "datetime or missing": date(format="%d.%m.%Y", example="06.05.2024", missing=MISSING),
    "boolean or missing": secured(missing=MISSING),
    "integer, clipped": years(minimum=0, maximum=120, outside="clip"),
    "integer, clipped or missing": years(minimum=-10, maximum=99, outside="clip", missing=MISSING),
    "number, clipped": rate(outside="clip"),
    "number, clipped as float32": rate(minimum=-LARGEST_NUMBER, maximum=LARGEST_NUMBER, outside="clip"),
    "number, clipped or missing": rate(minimum=-1.5, maximum=50.5, outside="clip", missing=MISSING),
    "integer with an offset": years(minimum=2**24, maximum=2**24 + 9, offset=2**24, scale=3, example=2**24),
    "number with an offset, clipped or missing": rate(offset=-3, scale=0.5, outside="clip", missing=MISSING),
    "category or other": grade(unknown="other", categories=("A", "1", "true", "größe"), example="A"),
    "category or named other": grade(
        unknown="other", other=Other(name="B"), categories=("A", "0"), example="A"
    ),
    "category, unknown is missing": grade(unknown="missing", missing=MISSING),
    "open category": zip_code(),
    "open category or missing": zip_code(buckets=7, missing=MISSING, default=Default(value="?")),
    "boolean with words": secured(words=Words(true=("2", "Ja"), false=("1", "größe"))),
    "boolean with words or missing": secured(words=Words(true=("yep", "0"), false=("on",)), missing=MISSING),
}
NUMBERS = ["39", "39.0", "4e1", "-0", "-0.0", "+5", "007", ".5", "5.", "1_0", "\N{FULLWIDTH DIGIT ONE}", "٣"]
NUMBERS += ["1e400", "0x1", "1e", "--1", "12,5", "nan", "-nan", "inf", "Infinity", "9" * 20, "9" * 400]
NUMBERS += ["9" * 5000, "-1e400", "-inf", "16777217", "2.0", "1.00", "3.5e38", "4.9999999999"]
LEVELS = ["A", "B", "a", "true", "FALSE", "Yes", "tRuE", "0", "1", "\N{KELVIN SIGN}", "A,B", "A\nB", 'A "B"']
OTHERS = ["", "null", "None", "—", "[1", "2]", "{}", '"5"', "\0", "😀", *MARKERS]
OTHERS += [
    "2024-05-06",
    "2024-05-06T12:30Z",
    "06.05.2024",
    "6.5.2024",
    "2024-02-30",
    "1999-12-30T23:00-01:00",
]

spaces = st.sampled_from(["", "", "", " ", "\t", "\xa0", "\u2009", "\x1c"])
texts = st.sampled_from([*NUMBERS, *LEVELS, *OTHERS]) | st.text(max_size=3)
texts |= st.integers(-10, 130).map(str) | st.floats().map(repr) | st.decimals(-200, 200, places=3).map(str)
cells = st.builds("{}{}{}".format, spaces, texts, spaces)
plain_cells = st.integers(2, 40).map(str) | st.sampled_from(["A", "true"])


def read_rows(
    feature: Feature, validator: RowValidator, column: Sequence[str]
) -> tuple[list[Row | None], Replaced]:
    """Return each cell as a row that is accepted, or None if it is refused, and count what was replaced."""
    rows: list[Row | None] = []
    replaced = Replaced()
    for cell in column:
        try:
            accepted = run_at_once(validator.check_in_chunks([{feature.name: feature.from_text(cell)}]))
        except Problem:
            rows.append(None)
            continue
        settled, counts = settle(accepted, names_of_replaceable([feature]))
        rows += settled
        replaced.update(counts)
    return rows, replaced


@pytest.mark.parametrize("kind", FEATURES)
def test_any_cells_are_accepted_by_column_as_row_by_row(kind: str) -> None:
    feature = FEATURES[kind]
    validator, encode, encode_columns = (
        RowValidator([feature]),
        row_encoder((feature,), ()),
        column_encoder((feature,), ()),
    )

    @settings(often, max_examples=150)
    @given(plain=st.lists(plain_cells, max_size=2), others=st.lists(cells, min_size=1, max_size=5))
    def check(plain: list[str], others: list[str]) -> None:
        column = plain + others
        rows, replaced = read_rows(feature, validator, column)
        matrix, refused, replaced_cells = encode_columns([column])
        assert refused == [position for position, row in enumerate(rows) if row is None]
        accepted = [row for row in rows if row is not None]
        np.testing.assert_array_equal(np.delete(matrix, refused, axis=0), encode(accepted))
        if not refused:
            assert replaced_cells == replaced

    check()
