"""Templates and how they show numbers."""

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from model_build.reports import html


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(html, "TEMPLATES", tmp_path)
    return tmp_path / "page.html"


def test_text_is_escaped(template: Path) -> None:
    template.write_text("{{ text }}")
    assert html.render("page.html", text="<b>") == "&lt;b&gt;"


def test_a_missing_value_is_an_error(template: Path) -> None:
    template.write_text("{{ text }}")
    with pytest.raises(UndefinedError, match="'text' is undefined"):
        html.render("page.html")


def test_filters_format_numbers(template: Path) -> None:
    template.write_text(
        "{{ 32561 | number }} {{ 0.9312 | percent }} {{ 0.5 | metric }} {{ 1 | pluralize('row') }}"
    )
    assert html.render("page.html") == "32,561 93.1% 0.5000 1 row"


def test_the_base_page_sends_no_request() -> None:
    page = (html.TEMPLATES / "page.html").read_text()
    assert "http" not in page
    assert "@import" not in page
