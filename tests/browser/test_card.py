"""The model card, as those who read it use it."""

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page

from model_build.artifacts import Slices
from model_build.spec import model_spec
from tests.browser import paper
from tests.browser.conftest import Visit

PHONE = {"width": 390, "height": 844}
PAPER = {"width": 680, "height": 1009}  # A4 within margins of 1.5 cm, in CSS pixels
HEADS = "FeatureLevelRowsPositiveAccuracyPrecisionRecallF1ROCAUCLoglossBrierscore"
# Words of the names of the slices that are on two lines; a name may break after a hyphen or an underscore.
TORN = """(cells) => cells.flatMap((cell) => {
  const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
  const torn = [];
  while (texts.nextNode()) {
    for (const word of texts.currentNode.data.matchAll(/[^\\s_-]+/g)) {
      const range = document.createRange();
      range.setStart(texts.currentNode, word.index);
      range.setEnd(texts.currentNode, word.index + word[0].length);
      if (range.getClientRects().length > 1) torn.push(word[0]);
    }
  }
  return torn;
})"""
# Left and right edge of a cell within the table's frame, and whether nothing lies over it.
EDGES = """(cell) => {
  const [inner, outer] = [cell, cell.closest(".scroll")].map((each) => each.getBoundingClientRect());
  const front = document.elementFromPoint((inner.left + inner.right) / 2, (inner.top + inner.bottom) / 2);
  return [Math.round(inner.left - outer.left), Math.round(inner.right - outer.left), cell.contains(front)];
}"""
SCROLL = """(table) => {
  const frame = table.closest(".scroll");
  frame.scrollIntoView({ behavior: "instant" });
  frame.scrollTo({ left: 10_000, behavior: "instant" });
}"""


@pytest.fixture
def card(visit: Visit) -> Page:
    return visit("card").page


@pytest.fixture(scope="session")
def slices(census_model: Path) -> Slices:
    return Slices.read(census_model / "slices.json")


def head(page: Page, title: str) -> Locator:
    return page.locator("#slices-table thead th", has_text=title)


def column(page: Page, title: str) -> list[str]:
    """Return what the rows of the slices that are shown have in a column: keys, or else texts."""
    place = head(page, title).evaluate("(cell) => cell.cellIndex")
    cells = page.locator(f"#slices-table tbody tr > :nth-child({place + 1})")
    shown = "cells.filter((cell) => cell.checkVisibility())"
    found: list[str] = cells.evaluate_all(
        f"(cells) => {shown}.map((cell) => cell.dataset.key ?? cell.textContent)"
    )
    return found


def numbers(cells: list[str]) -> list[float]:
    """Return the numbers of a column; none that is empty may stand before them."""
    filled = [float(cell) for cell in cells if cell]
    assert [float(cell) for cell in cells[: len(filled)]] == filled
    return filled


def test_caveats_and_the_warning_of_synthetic_data_are_seen_on_screen_and_paper(card: Page) -> None:
    for media in ("screen", "print"):
        card.emulate_media(media=media)
        text = card.locator("body").inner_text()
        for caveat in model_spec.load("census").card.caveats:
            assert caveat in text
        assert "Trained on synthetic data" in text


def test_slices_stand_with_the_least_accurate_first(card: Page, slices: Slices) -> None:
    accuracies = numbers(column(card, "Accuracy"))
    assert accuracies == sorted(each.metrics["accuracy"].value for each in slices.slices)
    assert head(card, "Accuracy").get_attribute("aria-sort") == "ascending"


@pytest.mark.parametrize("title", ["Rows", "Positive", "Accuracy", "Recall", "ROC AUC", "Brier score"])
def test_slices_sort_by_number_in_both_directions(card: Page, title: str) -> None:
    head(card, "Level").get_by_role("button").click()
    head(card, title).get_by_role("button").click()
    ascending = numbers(column(card, title))
    assert ascending == sorted(ascending)
    assert head(card, title).get_attribute("aria-sort") == "ascending"
    head(card, title).get_by_role("button").click()
    assert numbers(column(card, title)) == ascending[::-1]
    assert head(card, title).get_attribute("aria-sort") == "descending"
    sorted_by = card.locator("#slices-table [aria-sort=ascending], #slices-table [aria-sort=descending]")
    assert sorted_by.count() == 1


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_slices_sort_by_keyboard(card: Page, key: str) -> None:
    head(card, "Feature").get_by_role("button").focus()
    card.keyboard.press("Tab")
    card.keyboard.press("Tab")
    card.keyboard.press(key)
    rows = numbers(column(card, "Rows"))
    assert rows == sorted(rows)
    assert head(card, "Rows").get_attribute("aria-sort") == "ascending"


def test_slices_sort_by_name(card: Page) -> None:
    head(card, "Feature").get_by_role("button").click()
    names = column(card, "Feature")
    assert len(set(names)) > 10
    assert names == sorted(names)


def test_filter_shows_the_slices_of_one_feature(card: Page, slices: Slices) -> None:
    everything = column(card, "Level")
    card.get_by_label("Feature", exact=True).select_option("sex")
    assert set(column(card, "Feature")) == {"sex"}
    assert sorted(column(card, "Level")) == ["Female", "Male"]
    assert card.get_by_role("status").inner_text() == f"2 of {len(slices.slices)} slices"
    head(card, "Rows").get_by_role("button").click()
    assert len(column(card, "Level")) == 2
    card.get_by_label("Feature", exact=True).select_option("")
    assert sorted(column(card, "Level")) == sorted(everything)


def test_filter_knows_intersections(card: Page) -> None:
    card.get_by_label("Feature", exact=True).select_option("sex × race")
    assert set(column(card, "Feature")) == {"sex × race"}


def test_paper_has_all_slices_whatever_the_filter(card: Page, slices: Slices) -> None:
    card.get_by_label("Feature", exact=True).select_option("sex")
    card.emulate_media(media="print")
    assert len(column(card, "Level")) == len(slices.slices)
    assert not card.get_by_label("Feature", exact=True).is_visible()


def test_paper_has_the_heads_of_the_slices_on_every_page(card: Page) -> None:
    printed = paper.pages(card.pdf(format="A4"))
    first, after = (
        next(number for number, text in enumerate(printed) if words in text)
        for words in ("Thetestrowsbyeverycategory", "Bysex,againstMale")
    )
    assert after - first > 1
    assert [HEADS in text for text in printed[first + 1 : after]] == [True] * (after - first - 1)


def test_names_of_slices_do_not_break_within_a_word_on_paper(visit: Visit) -> None:
    card = visit("card", viewport=PAPER).page
    card.emulate_media(media="print")
    names = card.locator("#slices-table tbody tr > :nth-child(-n+2)")
    assert names.evaluate_all(TORN) == []


def test_heads_that_sort_have_one_arrow(card: Page) -> None:
    arrows = card.locator("#slices-table thead button").evaluate_all(
        "(all) => all.map((each) => each.textContent + getComputedStyle(each, '::after').content)"
    )
    assert [each for each in arrows if sum(each.count(arrow) for arrow in "↑↓↕") != 1] == []
    assert "less is better for Log loss and Brier score" in card.locator("#slices > p").inner_text()


@pytest.mark.parametrize(
    ("table", "names"), [("#slices-table", 2), ("#fairness .grouped >> nth=1", 2), ("#performance table", 1)]
)
def test_names_stay_in_view_on_a_phone_while_the_figures_scroll(visit: Visit, table: str, names: int) -> None:
    card = visit("card", viewport=PHONE).page
    found = card.locator(table)
    found.evaluate(SCROLL)
    for part in ("thead", "tbody"):
        row = found.locator(f"{part} tr").first
        end = 0
        for cell in row.locator("th, td").all()[:names]:
            left, right, is_in_front = cell.evaluate(EDGES)
            assert abs(left - end) <= 1
            assert is_in_front
            end = right
        assert end < PHONE["width"] * 0.6


def test_slices_are_there_without_scripts(visit: Visit, slices: Slices) -> None:
    card = visit("card", java_script_enabled=False).page
    assert card.locator("#slices-table tbody tr").count() == len(slices.slices)
    assert card.locator("#slices-table button").count() == 0
    assert not card.locator("form").is_visible()


def test_every_link_within_the_card_leads_to_its_heading(card: Page) -> None:
    for link in card.locator("nav a").all():
        link.click()
        place = link.get_attribute("href")
        assert place is not None
        card.locator(f"{place} h2").wait_for(state="visible")
        assert card.locator(place).evaluate(
            "(section) => section.getBoundingClientRect().top < innerHeight / 2"
        )


def test_root_leads_to_the_card(visit: Visit) -> None:
    page = visit("root").page
    page.get_by_role("link", name="Model card").click()
    assert page.title() == "Census income: model card"
