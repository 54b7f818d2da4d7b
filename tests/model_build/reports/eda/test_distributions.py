"""Figures of the columns of a file, read as the text and the colours that they hold."""

import re

import pandas as pd
import pytest

from app.core.contract import Target
from model_build.reports.eda.distributions import PALETTE, RowLabels, heat_map


def labelled(*names: str) -> RowLabels:
    return RowLabels.of(Target(name="grade", labels=names), pd.Series(names))


@pytest.mark.parametrize("count", [3, 7, 10])
def test_up_to_ten_labels_have_a_colour_each(count: int) -> None:
    assert len(set(labelled(*"abcdefghij"[:count]).colours.values())) == count


def test_more_labels_take_the_colours_in_turn() -> None:
    assert [*labelled(*"abcdefghijkl").colours.values()] == [*PALETTE, *PALETTE[:2]]


def numbers_in(square: pd.DataFrame) -> list[str]:
    """Return the numbers in the cells of a heat map, which stand before the names of its axes."""
    titles = {name: f"Column {name}" for name in square}
    return re.findall(r">(-?\d\.\d\d)</text>", heat_map(square, titles))


def square(size: int, **associations: float) -> pd.DataFrame:
    """Return a square of so many columns a, b, c …, of which pairs such as `ab` go together."""
    names = [chr(ord("a") + place) for place in range(size)]
    found = pd.DataFrame(0.1, names, names)
    for pair, value in associations.items():
        found.loc[pair[0], pair[1]] = found.loc[pair[1], pair[0]] = value
    return found


def test_the_heat_map_has_the_number_of_every_pair() -> None:
    assert numbers_in(square(4, ab=0.5, ad=-0.75, cd=float("nan"))) == [
        "0.50",
        "0.10",
        "-0.75",
        "0.10",
        "0.10",
    ]


def test_a_heat_map_of_many_columns_has_the_strong_numbers_only() -> None:
    found = square(40, ab=0.5, ad=-0.75, cd=0.494)
    assert numbers_in(found) == ["0.50", "-0.75"]


def test_nothing_has_no_sign() -> None:
    assert numbers_in(square(2, ab=-0.001)) == ["0.00"]
