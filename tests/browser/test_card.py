"""The model card as its readers use it."""

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page

from model_build.artifacts import Slices
from model_build.spec import model_spec
from model_build.text import NOTHING
from tests.browser import paper
from tests.browser.conftest import Visit

PHONE = {"width": 390, "height": 844}
PAPER = {"width": 680, "height": 1009}  # A4 within margins of 1.5 cm, in CSS pixels
HEADS = "FeatureLevelRowsPositiveAccuracyPrecisionRecallF1ROCAUCLoglossBrierscore"
# Words in the names of slices that are torn between two lines; a name may break after a hyphen or underscore.
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
# Left and right edge of a cell within the table's frame, and whether it is in front.
EDGES = """(cell) => {
  const [inner, outer] = [cell, cell.closest(".scroll")].map((element) => element.getBoundingClientRect());
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
    return page.locator("#slices thead th", has_text=title)


def column(page: Page, title: str) -> list[str]:
    """Return the texts of a column of the visible slices; of a metric, without its interval."""
    index = head(page, title).evaluate("(cell) => cell.cellIndex")
    cells = page.locator(f"#slices tbody tr > :nth-child({index + 1})")
    visible = "cells.filter((cell) => cell.checkVisibility())"
    text = "cell.querySelector('small')?.previousSibling.textContent ?? cell.textContent"
    texts: list[str] = cells.evaluate_all(f"(cells) => {visible}.map((cell) => ({text}).trim())")
    return texts


def numbers(cells: list[str]) -> list[float]:
    """Return the numbers of a column; cells without a number must be last."""
    filled = [cell for cell in cells if cell != NOTHING]
    assert cells[: len(filled)] == filled
    return [float(cell.replace(",", "").removesuffix("%")) for cell in filled]


def test_caveats_and_the_warning_of_synthetic_data_are_on_screen_and_paper(card: Page) -> None:
    for media in ("screen", "print"):
        card.emulate_media(media=media)
        text = card.locator("body").inner_text()
        for caveat in model_spec.load("census").card.caveats:
            assert caveat in text
        assert "Trained on synthetic data" in text


def test_the_least_accurate_slices_are_first(card: Page, slices: Slices) -> None:
    accuracies = numbers(column(card, "Accuracy"))
    assert accuracies == sorted(round(slice_.metrics["accuracy"].value, 3) for slice_ in slices.slices)
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
    sorted_by = card.locator("#slices [aria-sort=ascending], #slices [aria-sort=descending]")
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


def test_paper_has_the_column_heads_of_the_slices_on_every_page(card: Page) -> None:
    printed = paper.pages(card.pdf(format="A4"))
    first, end = (
        next(number for number, text in enumerate(printed) if words in text)
        for words in ("Thetestrowsbyeverycategory", "Bysex,againstMale")
    )
    assert end - first > 1
    assert [HEADS in text for text in printed[first + 1 : end]] == [True] * (end - first - 1)


def test_names_of_slices_are_not_torn_within_a_word_on_paper(visit: Visit) -> None:
    card = visit("card", viewport=PAPER).page
    card.emulate_media(media="print")
    names = card.locator("#slices tbody tr > :nth-child(-n+2)")
    assert names.evaluate_all(TORN) == []


def test_column_heads_of_the_slices_have_one_arrow(card: Page) -> None:
    arrows = card.locator("#slices thead button").evaluate_all(
        "(all) => all.map((button) => button.textContent + getComputedStyle(button, '::after').content)"
    )
    assert [text for text in arrows if sum(text.count(arrow) for arrow in "↑↓↕") != 1] == []
    assert "lower is better for Log loss and Brier score" in card.locator("#slices > p").inner_text()


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ("#slices table", 2),
        ("#fairness table >> nth=1", 2),
        ("#performance table >> nth=0", 1),
        ("#performance table >> nth=1", 1),
    ],
)
def test_names_stay_in_view_on_a_phone_while_the_metrics_scroll(visit: Visit, table: str, names: int) -> None:
    card = visit("card", viewport=PHONE).page
    located = card.locator(table)
    located.evaluate(SCROLL)
    for part in ("thead", "tbody"):
        row = located.locator(f"{part} tr").first
        end = 0
        for cell in row.locator("th, td").all()[:names]:
            left, right, is_in_front = cell.evaluate(EDGES)
            assert abs(left - end) <= 1
            assert is_in_front
            end = right
        assert end < PHONE["width"] * 0.6


def test_slices_are_readable_without_scripts(visit: Visit, slices: Slices) -> None:
    card = visit("card", java_script_enabled=False).page
    assert card.locator("#slices tbody tr").count() == len(slices.slices)
    assert card.locator("#slices button").count() == 0
    assert card.locator("form").count() == 0


def test_every_link_within_the_card_leads_to_its_heading(card: Page) -> None:
    for link in card.locator("nav a").all():
        link.click()
        section = link.get_attribute("href")
        assert section is not None
        card.locator(f"{section} h2").wait_for(state="visible")
        assert card.locator(section).evaluate(
            "(section) => section.getBoundingClientRect().top < innerHeight / 2"
        )


def test_root_leads_to_the_card(visit: Visit) -> None:
    page = visit("root").page
    page.get_by_role("link", name="Model card").click()
    assert page.title() == "Census income: model card"
