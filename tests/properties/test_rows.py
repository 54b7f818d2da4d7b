"""Any valid row is answered as scikit-learn answers, and any other is refused."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject, SearchStrategy

from app.core.features import BooleanFeature, CategoryFeature, Feature, RangedFeature
from tests.properties.census import Census, Row, assert_problem, often, rename_and_shuffle, rows


@often
@given(draw=st.data())
def test_any_valid_row_is_answered_as_scikit_learn_answers(census: Census, draw: DataObject) -> None:
    drawn = draw.draw(st.lists(rows(census.features), min_size=1, max_size=4))
    sent = [rename_and_shuffle(draw, census.features, row) for row in drawn]
    body = sent[0] if len(sent) == 1 and draw.draw(st.booleans()) else {"inputs": sent}
    document = census.post(json.dumps(body).encode()).document

    target = census.contract.target
    served = np.array([[row[label] for label in target.labels] for row in document["probabilities"]])
    np.testing.assert_allclose(served, census.predict_proba(drawn), rtol=0, atol=1e-5)
    np.testing.assert_allclose(served.sum(axis=1), 1, rtol=0, atol=1e-6)
    assert document["predictions"] == [target.labels[position] for position in target.decide(served)]


def numbers_out_of_range(feature: Feature) -> SearchStrategy[float]:
    """Finite numbers outside the range of a feature; any, if it has none."""
    if not isinstance(feature, RangedFeature):
        return st.floats(allow_nan=False, allow_infinity=False)
    return st.floats(max_value=feature.minimum, exclude_max=True, allow_infinity=False) | st.floats(
        min_value=feature.maximum, exclude_min=True, allow_infinity=False
    )


def values_of_wrong_type(feature: Feature) -> SearchStrategy[Any]:
    """JSON values of a type that the feature refuses, except null."""
    nested = st.lists(st.integers(), max_size=2) | st.dictionaries(st.text(), st.integers(), max_size=2)
    markers = feature.missing.markers if feature.missing else ()
    text = st.text() | st.integers().map(str)
    match feature:
        case CategoryFeature():
            known = {*feature.categories, *markers}
            return nested | st.booleans() | st.integers() | text.filter(lambda value: value not in known)
        case BooleanFeature():
            return nested | st.integers() | text.filter(lambda value: value not in markers)
        case _:
            return nested | st.booleans() | text.filter(lambda value: value not in markers)


def drop_a_field(_draw: DataObject, feature: Feature, row: Row) -> None:
    del row[feature.name]


def add_a_field(draw: DataObject, _feature: Feature, row: Row) -> None:
    row[draw.draw(st.text().filter(lambda name: name not in row))] = draw.draw(st.none() | st.integers())


def give_a_field_twice(draw: DataObject, feature: Feature, row: Row) -> None:
    row[draw.draw(st.sampled_from([*feature.aliases, f"{feature.name}_"]))] = row[feature.name]


def leave_the_range(draw: DataObject, feature: Feature, row: Row) -> None:
    row[feature.name] = draw.draw(numbers_out_of_range(feature))


def change_the_type(draw: DataObject, feature: Feature, row: Row) -> None:
    row[feature.name] = draw.draw(values_of_wrong_type(feature))


def invent_a_category(draw: DataObject, feature: Feature, row: Row) -> None:
    row[feature.name] = draw.draw(
        st.sampled_from(["private", " Private", "Private ", "", "NaN", "none", "\x00"])
    )


def give_no_number(draw: DataObject, feature: Feature, row: Row) -> None:
    row[feature.name] = draw.draw(st.sampled_from([float("nan"), float("inf"), float("-inf")]))


def give_null(_draw: DataObject, feature: Feature, row: Row) -> None:
    row[feature.name if feature.missing is None else "age"] = None


def give_a_fraction(draw: DataObject, feature: Feature, row: Row) -> None:
    share = draw.draw(st.floats(0.001, 0.999))
    low = feature.minimum if isinstance(feature, RangedFeature) else 0
    row[feature.name] = low + share


MUTATIONS = [
    drop_a_field,
    add_a_field,
    give_a_field_twice,
    leave_the_range,
    change_the_type,
    invent_a_category,
    give_no_number,
    give_null,
    give_a_fraction,
]


@pytest.mark.parametrize("mutate", MUTATIONS)
@settings(often, max_examples=30)
@given(draw=st.data())
def test_any_row_with_an_error_is_refused(
    census: Census, mutate: Callable[[DataObject, Feature, Row], None], draw: DataObject
) -> None:
    feature = draw.draw(st.sampled_from(census.features))
    row = draw.draw(rows(census.features))
    mutate(draw, feature, row)
    valid = draw.draw(st.lists(rows(census.features), max_size=2))
    answer = census.post(json.dumps({"inputs": [*valid, row]} if valid else row).encode())
    assert answer.status == 422
    assert_problem(answer)
