from html.parser import HTMLParser

import httpx

from app import __version__
from app.core.contract import CARD_FILE, Contract
from app.routes.home import render_page


class Page(HTMLParser):
    """The words, links and tags of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"} and tag != "link"]

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(data.strip())


async def test_home_names_the_model_and_links_to_docs_card_and_health(
    client: httpx.AsyncClient, contract: Contract
) -> None:
    response = await client.get("/")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    page = Page(response.text)
    trained_at = f"{contract.provenance.trained_at:%Y-%m-%d %H:%M} UTC"
    assert page.words[:1] + page.words[2:] == [
        "Tiny loans",
        "Tiny loans",
        "Will it be paid back?",
        "Model",
        "tiny 1.2.3",
        "Data",
        f"{contract.provenance.rows} rows of real data",
        "Trained",
        f"{trained_at}, on the training rows",
        "API",
        __version__,
        "Try it: /docs",
        "Model card: /card",
        "Versions: /health",
    ]
    assert page.links == ["docs", "card", "health"]
    assert [(await client.get(link)).status_code for link in page.links] == [200, 200, 200]


def test_home_says_that_a_refitted_model_has_learnt_from_the_test_rows(contract: Contract) -> None:
    provenance = contract.provenance.model_copy(update={"fitted_on": "training and test rows"})
    page = Page(render_page(contract.model_copy(update={"provenance": provenance})))
    trained_at = f"{contract.provenance.trained_at:%Y-%m-%d %H:%M} UTC"
    assert f"{trained_at}, on the training and test rows" in page.words


def test_home_of_a_model_without_a_card_has_no_link_to_it(contract: Contract) -> None:
    files = {name: sha256 for name, sha256 in contract.files.items() if name != CARD_FILE}
    assert Page(render_page(contract.model_copy(update={"files": files}))).links == ["docs", "health"]


def test_markup_in_a_title_is_shown_as_text(contract: Contract) -> None:
    hostile = '<script src="//evil">alert(1)</script> & "$name"'
    plain, page = (
        Page(render_page(described))
        for described in (contract, contract.model_copy(update={"title": hostile, "description": hostile}))
    )
    assert page.words.count(hostile) == 3
    assert (page.tags, page.links) == (plain.tags, plain.links)
