from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from app import __version__
from app.core.contract import CARD_FILE, Contract, load_contract
from app.routes.home import render_page


@pytest.fixture(scope="module")
def contract(tiny_model: Path) -> Contract:
    return load_contract(tiny_model)


class Page(HTMLParser):
    """What a reader finds on a page: words, links and tags."""

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


async def test_root_names_the_model_and_leads_to_docs_card_and_health(
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
        "Trained",
        f"{trained_at}, on {contract.provenance.rows} rows of real data",
        "API",
        __version__,
        "Try it: /docs",
        "Model card: /card",
        "Versions: /health",
    ]
    assert page.links == ["docs", "card", "health"]
    assert [(await client.get(link)).status_code for link in page.links] == [200, 200, 200]


def test_root_does_not_lead_to_a_card_that_is_not_there(contract: Contract) -> None:
    files = {name: sha256 for name, sha256 in contract.files.items() if name != CARD_FILE}
    assert Page(render_page(contract.model_copy(update={"files": files}))).links == ["docs", "health"]


def test_page_shows_markup_in_titles_as_text(contract: Contract) -> None:
    hostile = '<script src="//evil">alert(1)</script> & "$name"'
    plain, page = (
        Page(render_page(shown))
        for shown in (contract, contract.model_copy(update={"title": hostile, "description": hostile}))
    )
    assert page.words.count(hostile) == 3
    assert (page.tags, page.links) == (plain.tags, plain.links)
