import numpy as np
import pytest

from app.core.base_feature import Missing
from app.core.columns import ColumnEncoder
from app.core.features import LARGEST_NUMBER, Feature
from tests.support.features import grade, rate, secured, years

MISSING = Missing(markers=("?", "n/a"))
PADDED = Missing(markers=("-1", "nan", " x", "größe"))


def read(feature: Feature, *cells: str) -> list[float | None]:
    """Return the codes of cells, read together; missing is NaN, and None a cell that is refused."""
    matrix, refused, _ = ColumnEncoder([feature])([cells])
    assert matrix.dtype == np.float32
    assert np.isnan(matrix[refused]).all()
    return [None if row in refused else float(code) for row, (code,) in enumerate(matrix)]


def test_matrix_has_a_column_for_each_feature_and_a_row_for_each_cell() -> None:
    encode = ColumnEncoder([years(), rate(missing=MISSING), grade(missing=MISSING), secured()])
    matrix, refused, _ = encode([("5", "30"), ("2.5", "?"), ("C", ""), ("yes", "0")])
    np.testing.assert_array_equal(matrix, [[5, 2.5, 2, 1], [30, np.nan, 3, 0]])
    assert matrix.dtype == np.float32
    assert matrix.flags.c_contiguous
    assert refused == []


def test_rows_with_a_refused_cell_are_named_in_their_order() -> None:
    encode = ColumnEncoder([years(), rate(), grade()])
    matrix, refused, _ = encode([("5", "5", "0", "1"), ("1", "x", "1", "21"), ("A", "D", "B", "C")])
    np.testing.assert_array_equal(matrix, [[5, 1, 0], [5, np.nan, np.nan], [np.nan, 1, 1], [1, np.nan, 2]])
    assert refused == [1, 2, 3]


@pytest.mark.parametrize(
    ("feature", "cell", "code"),
    [
        (years(), "5", 5),
        (years(), "5.0", 5),
        (years(), "0.5e1", 5),
        (years(), "5E0", 5),
        (years(), "+5", 5),
        (years(), "05", 5),
        (years(), " 5\t", 5),
        (years(), "\xa05\u2009", 5),
        (years(), "\x1c5", 5),
        (years(minimum=0), "-0", 0),
        (rate(), ".5", 0.5),
        (rate(), "5.", 5),
        (rate(minimum=-LARGEST_NUMBER), f"-{LARGEST_NUMBER!r}", -LARGEST_NUMBER),
        (rate(missing=MISSING), "?", np.nan),
        (rate(missing=MISSING), " n/a ", np.nan),
        (rate(missing=MISSING), "", np.nan),
        (rate(missing=PADDED), "-1", np.nan),
        (rate(missing=PADDED), " -1 ", np.nan),
        (rate(missing=PADDED), "nan", np.nan),
        (rate(missing=PADDED), "größe", np.nan),
        (grade(), "B", 1),
        (grade(), " B ", 1),
        (grade(missing=MISSING), "?", 3),
        (grade(missing=MISSING), " ", 3),
        (grade(categories=("A", "B", "")), "", 2),
        (grade(categories=(" A", "A", "B")), " A", 1),
        (secured(), "TRUE", 1),
        (secured(), "fAlSe", 0),
        (secured(), " yes", 1),
        (secured(missing=MISSING), "n/a", 2),
        (secured(missing=Missing(markers=("no",))), "no", 2),
        (secured(missing=Missing(markers=("no",))), "NO", 0),
    ],
)
def test_cell_is_accepted_among_plain_ones(feature: Feature, cell: str, code: float) -> None:
    plain = str(feature.example)
    example, *others = read(feature, plain, cell, plain)
    np.testing.assert_array_equal(others, [code, example])


@pytest.mark.parametrize(
    ("feature", "cell"),
    [
        (years(), text)
        for text in ("", "?", "null", "true", "5,", "5,5", "[5]", '"5"', "5_0", "٣", "1" * 400, "1" * 5000)
    ]
    + [(years(), text) for text in ("nan", "inf", "-inf", "1e400", "0", "31", "5.5", "5.000000000001", "5\0")]
    + [(rate(missing=MISSING), text) for text in ("N/A", "nan", "inf", "1e400", "20.000000000000004", "-1")]
    + [(rate(missing=PADDED), text) for text in ("x", " x", "NaN")]
    + [(rate(maximum=LARGEST_NUMBER), text) for text in ("1e39", "3.5e38")]
    + [(grade(), text) for text in ("", "b", "D", "B\0", "0")]
    + [(grade(categories=(" A", "B", "C")), " A")]
    + [(secured(), text) for text in ("", "2", "1.5", "one", "\N{KELVIN SIGN}")],
)
def test_cell_is_refused_among_plain_ones(feature: Feature, cell: str) -> None:
    plain = str(feature.example)
    example = read(feature, plain)[0]
    assert read(feature, plain, cell, plain) == [example, None, example]


@pytest.mark.parametrize(
    "cells", [("1,2", "3"), ("[1", "2]"), ("[1", "2]", "3,4"), ('"1', '2"', "3,4"), ("{}", "1")]
)
def test_cells_do_not_merge(cells: tuple[str, ...]) -> None:
    expected = [float(cell) if cell.isdigit() else None for cell in cells]
    assert read(years(), *cells) == expected


def test_columns_of_different_lengths_are_an_error() -> None:
    with pytest.raises(ValueError, match="inhomogeneous"):
        ColumnEncoder([years(), rate()])([("5", "6"), ("2.5",)])
