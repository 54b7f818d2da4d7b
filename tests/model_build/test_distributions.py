"""Figures of the columns of a file, read as the text and the colours that they hold."""

import pandas as pd
import pytest

from app.contract import Target
from model_build.distributions import PALETTE, Labels


def labelled(*names: str) -> Labels:
    return Labels.of(Target(name="grade", labels=names), pd.Series(names))


@pytest.mark.parametrize("count", [3, 7, 10])
def test_up_to_ten_labels_have_a_colour_each(count: int) -> None:
    assert len(set(labelled(*"abcdefghij"[:count]).colours.values())) == count


def test_more_labels_take_the_colours_in_turn() -> None:
    assert [*labelled(*"abcdefghijkl").colours.values()] == [*PALETTE, *PALETTE[:2]]
