"""Templates and how they show numbers."""

import math
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from model_build.reports import html


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(pages, "TEMPLATES", tmp_path)
    return tmp_path / "page.html"


def test_text_is_escaped(template: Path) -> None:
    template.write_text("{{ text }}")
    assert html.render("page.html", text="<b>") == "&lt;b&gt;"


def test_a_value_that_the_template_lacks_is_an_error(template: Path) -> None:
    template.write_text("{{ text }}")
    with pytest.raises(UndefinedError, match="'text' is undefined"):
        html.render("page.html")


def test_filters_show_numbers(template: Path) -> None:
    template.write_text(
        "{{ 32561 | number }} {{ 0.9312 | percent }} {{ 0.5 | figure4 }} {{ 1 | counted('row') }}"
    )
    assert html.render("page.html") == "32,561 93.1% 0.5000 1 row"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (12345.0, "12,345"),
        (12345.678, "12,345.7"),
        (-2.5, "-2.5"),
        (0.123456, "0.1235"),
        (1e300, "1e+300"),
        (math.inf, "inf"),
        (math.nan, html.NOTHING),
    ],
)
def test_numbers_are_short(value: float, shown: str) -> None:
    assert html.number(value) == shown


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (32561, "32,561 rows")]
)
def test_one_is_not_a_plural(count: int, text: str) -> None:
    assert html.counted(count, "row") == text


def test_nothing_to_show_is_a_dash() -> None:
    assert (html.percent(math.nan), html.figure4(math.nan)) == (html.NOTHING, html.NOTHING)


def test_the_base_page_asks_nothing_of_the_network() -> None:
    page = (html.TEMPLATES / "page.html").read_text()
    assert "http" not in page
    assert "@import" not in page
