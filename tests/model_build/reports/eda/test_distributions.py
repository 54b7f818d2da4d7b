"""Plots of columns, read as the texts and the colours in them."""

import re

import pandas as pd
import pytest

from app.core.contract import Target
from model_build.reports.eda.distributions import PALETTE, RowLabels, draw_heat_map


def row_labels(*names: str) -> RowLabels:
    return RowLabels.of(Target(name="grade", labels=names), pd.Series(names))


@pytest.mark.parametrize("count", [3, 7, 10])
def test_up_to_ten_labels_have_a_colour_each(count: int) -> None:
    assert len(set(row_labels(*"abcdefghij"[:count]).colours.values())) == count


def test_more_labels_take_the_colours_in_turn() -> None:
    assert [*row_labels(*"abcdefghijkl").colours.values()] == [*PALETTE, *PALETTE[:2]]


def numbers_in(square: pd.DataFrame) -> list[str]:
    """Return the numbers in the cells of a heat map; the names of its axes follow them."""
    titles = {name: f"Column {name}" for name in square}
    return re.findall(r">(-?\d\.\d\d)</text>", draw_heat_map(square, titles))


def square(size: int, **associations: float) -> pd.DataFrame:
    """Return the associations of the columns a, b, c …: 0.1, or as given for a pair such as `ab`."""
    names = [chr(ord("a") + position) for position in range(size)]
    frame = pd.DataFrame(0.1, names, names)
    for pair, value in associations.items():
        frame.loc[pair[0], pair[1]] = frame.loc[pair[1], pair[0]] = value
    return frame


def test_the_heat_map_has_the_number_of_every_pair() -> None:
    assert numbers_in(square(4, ab=0.5, ad=-0.75, cd=float("nan"))) == [
        "0.50",
        "0.10",
        "-0.75",
        "0.10",
        "0.10",
    ]


def test_a_heat_map_of_many_columns_has_only_the_strong_numbers() -> None:
    assert numbers_in(square(40, ab=0.5, ad=-0.75, cd=0.494)) == ["0.50", "-0.75"]


def test_zero_has_no_sign() -> None:
    assert numbers_in(square(2, ab=-0.001)) == ["0.00"]
