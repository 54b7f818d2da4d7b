from typing import Any

import pytest

from model_build.drafting.cells import count_cells
from model_build.drafting.columns import DraftColumn, draft_column
from model_build.drafting.ranges import widen_integers, widen_numbers


def draft(name: str, *cells: str) -> DraftColumn:
    return draft_column(name, count_cells(cells))


def keys(name: str, *cells: str) -> dict[str, Any]:
    return dict(draft(name, *cells).keys or {})


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (
            ["1", "3", "10", "3.0"],
            {"type": "integer", "minimum": 0, "maximum": 15, "example": 3},
        ),
        (
            ["-1.5", "2", "2.5"],
            {"type": "number", "minimum": -3.0, "maximum": 5.0, "example": 2.0},
        ),
        (["yes", "No", "yes"], {"type": "boolean", "example": True}),
        (["0", "1", "0"], {"type": "boolean", "example": False}),
        (["b", "a", "b"], {"type": "category", "categories": ["a", "b"], "example": "b"}),
        (["007", "010", "007"], {"type": "category", "categories": ["007", "010"], "example": "007"}),
        (
            ["1", "?", "2", ""],
            {"type": "integer", "minimum": 0, "maximum": 3, "example": 1, "missing": {"markers": ["?"]}},
        ),
        (
            ["1", "None", "2"],
            {"type": "integer", "minimum": 0, "maximum": 3, "example": 1, "missing": {"markers": ["None"]}},
        ),
        (
            ["a", "None", "a", ""],
            {"type": "category", "categories": ["None", "a"], "example": "a", "missing": {}},
        ),
        (
            ["2024-05-06", "2023-02-01"],
            {
                "type": "datetime",
                "parts": ["month", "weekday", "days"],
                "days": {"since": "2023-02-01"},
                "example": "2024-05-06",
            },
        ),
        (
            ["31.12.2024 10:30", "01.02.2024 00:00"],
            {
                "type": "datetime",
                "format": "%d.%m.%Y %H:%M",
                "parts": ["month", "weekday", "hour", "days"],
                "days": {"since": "2024-02-01"},
                "example": "31.12.2024 10:30",
            },
        ),
    ],
)
def test_a_column_becomes_a_feature(cells: list[str], expected: dict[str, Any]) -> None:
    assert keys("x", *cells) == expected


@pytest.mark.parametrize(
    ("name", "cells", "reason"),
    [
        ("", ["a", "b"], "has no name"),
        ("inputs", ["1", "2"], "has the name of the key that holds the rows of a request"),
        ("x", ["", "NA"], "has no value"),
        ("x", ["7", "7", ""], "every row with a value has 7"),
        ("x", [f"text {number}" for number in range(200)], "has 200 different texts in 200 rows"),
        (
            "x",
            ["01/02/2024", "03/04/2024"],
            "has dates whose format may be %d/%m/%Y or %m/%d/%Y; declare one",
        ),
        (
            "x",
            [str(cluster * 10**10 + number) for cluster in range(5, 8) for number in range(100)],
            "has numbers that float32, in which the model computes, can't tell apart: 5e+10 … 6e+10 … 7e+10",
        ),
    ],
)
def test_a_column_is_left_out_with_the_reason(name: str, cells: list[str], reason: str) -> None:
    drafted = draft(name, *cells)
    assert (drafted.keys, drafted.is_id, drafted.comment) == (None, False, reason)


@pytest.mark.parametrize("name", ["id", "Order ID", "customerId", "user_id", "#", "Unnamed: 0", "row"])
def test_a_column_with_the_name_and_the_values_of_an_id_is_one(name: str) -> None:
    assert draft(name, "1", "2", "3").is_id
    assert not draft(name, *["1", "2"] * 10).is_id


@pytest.mark.parametrize("name", ["paid", "width", "model", "Valid"])
def test_a_name_that_only_ends_like_that_of_an_id_is_a_feature(name: str) -> None:
    assert not draft(name, "1", "2", "3").is_id


def test_rare_categories_are_named() -> None:
    assert draft("x", *["a"] * 30, *["b"] * 3).comment == "rare: b 3"


@pytest.mark.parametrize("numbers", [(0, 1), (18, 96), (-5, 5), (0, 16_777_216), (1_000_000, 1_000_001)])
def test_ranges_hold_what_was_seen(numbers: tuple[int, int]) -> None:
    low, high = widen_integers(*numbers)
    assert low <= numbers[0] < numbers[1] <= high
    assert high <= 2**24
    low_number, high_number = widen_numbers(*numbers)
    assert low_number <= numbers[0] < numbers[1] <= high_number
    assert numbers[0] < 0 or low_number >= 0


def test_a_column_that_counts_the_rows_is_an_id() -> None:
    column = draft("Personalnr", *map(str, range(1000, 1040)))
    assert (column.is_id, column.comment) == (True, "counts the rows from 1000 to 1039")
    assert keys("age", *map(str, range(20, 60)), "30")["type"] == "integer"


@pytest.mark.parametrize(("written", "plain"), [("${:,}", "1000"), ("{}%", "1000"), ("{} €", "1000")])
def test_numbers_with_signs_are_left_out_with_the_remedy(written: str, plain: str) -> None:
    column = draft("amount", *(written.format(1000 + 7 * number) for number in range(50)))
    assert column.keys is None
    remedy = f"write {written.format(1000)} as {plain} in the table, and run init again"
    assert column.comment == f"has numbers with signs: {remedy}"


def test_few_numbers_with_signs_are_categories() -> None:
    assert keys("rate", "5%", "7%", "5%")["categories"] == ["5%", "7%"]


def test_rare_ones_of_many_categories_are_gathered() -> None:
    cells = [f"city {number}" for number in range(12) for _ in range(30 if number < 9 else 3)]
    assert keys("city", *cells)["other"] == {"minimum_rows": 20}
    assert draft("city", *cells).comment.startswith("3 rare ones are read as one; ")
    assert "other" not in keys("city", *cells[: 30 * 9 + 3])


def test_texts_that_are_too_many_to_list_are_open_if_they_occur_again() -> None:
    names = [f"city {number}" for number in range(150)]
    assert keys("city", *names * 3, "city 7") == {"type": "open_category", "example": "city 7"}
    assert draft("name", *names, *names[:20]).keys is None
    assert draft("note", *(name * 40 for name in names * 3)).keys is None


@pytest.mark.parametrize("name", ["zip", "Zip Code", "shop_postal_code", "PLZ"])
def test_numbers_that_name_places_are_texts(name: str) -> None:
    codes = [f"{10_000 + 7 * number}" for number in range(150)]
    assert keys(name, *codes * 3) == {"type": "open_category", "example": "10000"}
    assert keys(name, *codes[:30] * 3)["type"] == "category"
    assert keys("zipper", *codes * 3)["type"] == "integer"


@pytest.mark.parametrize(
    ("cells", "form", "parts"),
    [
        (["Dec-2015", "Jan-2016"], "%b-%Y", ["month", "days"]),
        (["2015-12", "2016-01"], "%Y-%m", ["month", "days"]),
        (["03-Dec-15", "04-Jan-16"], "%d-%b-%y", ["month", "weekday", "days"]),
        (["31-12-2015", "01-01-2016"], "%d-%m-%Y", ["month", "weekday", "days"]),
    ],
)
def test_dates_may_have_other_formats(cells: list[str], form: str, parts: list[str]) -> None:
    feature = keys("issued", *cells)
    assert (feature["format"], feature["parts"]) == (form, parts)


def test_large_numbers_that_differ_little_have_an_offset() -> None:
    times = [str(1_700_000_000_000 + 1_100 * number) for number in range(301)]
    feature = keys("time", *times)
    assert (feature["type"], feature["offset"]) == ("number", int(times[150]))
    assert feature["minimum"] < float(times[0]) < float(times[-1]) < feature["maximum"]
