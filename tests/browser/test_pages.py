"""Every page, as a browser shows it."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import Pages, Visit, Visitor

HERE = Path(__file__).parent
AUDIT = (HERE / "audit.js").read_text()
CONTRAST = (HERE / "contrast.js").read_text()
PHONE = {"width": 390, "height": 844}
PAPER = {"width": 680, "height": 1009}  # A4 within margins of 1.5 cm, in CSS pixels
PAGES = ["root", "card", "eda"]
LONG_PAGES = ["card", "eda"]
CUT = """Array.from(document.querySelectorAll(".scroll")).filter(
  (frame) => frame.scrollHeight > frame.clientHeight + 1).length"""
WIDTHS = "[document.documentElement.scrollWidth, innerWidth]"


def background(visitor: Visitor) -> list[int]:
    colour = visitor.evaluate("getComputedStyle(document.body).backgroundColor")
    return [int(part) for part in re.findall(r"\d+", colour)]


@pytest.mark.parametrize("name", PAGES)
def test_page_sends_no_other_request_and_logs_no_error(visit: Visit, pages: Pages, name: str) -> None:
    visitor = visit(name)
    hosts = {urlsplit(url).netloc for url in visitor.requests if not url.startswith("data:")}
    assert hosts == {urlsplit(pages[name]).netloc}
    assert [url for url in visitor.requests if not url.startswith("data:")] == [pages[name]]
    assert visitor.errors == []


@pytest.mark.parametrize(
    ("name", "title"),
    [("root", "Census income"), ("card", "Census income: model card"), ("eda", "Census income")],
)
def test_page_has_a_title(visit: Visit, name: str, title: str) -> None:
    assert visit(name).page.title().startswith(title)


@pytest.mark.parametrize("name", PAGES)
def test_page_is_accessible_to_screen_readers(visit: Visit, name: str) -> None:
    assert visit(name).evaluate(AUDIT) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_text_stands_out_from_its_background(visit: Visit, name: str, scheme: str) -> None:
    visitor = visit(name, color_scheme=scheme)
    assert visitor.evaluate(CONTRAST) == []


@pytest.mark.parametrize("name", PAGES)
def test_the_dark_scheme_is_dark_and_the_light_scheme_light(visit: Visit, name: str) -> None:
    assert max(background(visit(name, color_scheme="dark"))) < 60
    assert min(background(visit(name, color_scheme="light"))) > 200


@pytest.mark.parametrize("name", PAGES)
def test_page_does_not_scroll_sideways_on_a_phone(visit: Visit, name: str) -> None:
    content, screen = visit(name, viewport=PHONE).evaluate(WIDTHS)
    assert content <= screen


@pytest.mark.parametrize("name", LONG_PAGES)
def test_paper_is_white_and_shows_everything(visit: Visit, name: str) -> None:
    visitor = visit(name, viewport=PAPER, color_scheme="dark")
    visitor.page.emulate_media(media="print")
    assert background(visitor) == [255, 255, 255]
    content, sheet = visitor.evaluate(WIDTHS)
    assert content <= sheet
    assert visitor.evaluate(CUT) == 0
    assert visitor.evaluate(CONTRAST) == []
    assert not visitor.page.locator("nav").is_visible()


@pytest.mark.parametrize("name", LONG_PAGES)
def test_page_prints_on_several_sheets(visit: Visit, name: str) -> None:
    printed = visit(name).page.pdf(format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) > 1
