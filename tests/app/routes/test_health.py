from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from app import __version__
from app.core.contract import CARD_FILE, Contract, load_contract
from app.main import Service, create_app
from app.routes.health import Readiness, welcome
from app.settings import Settings


@pytest.fixture
def service(tiny_model: Path) -> Service:
    return create_app(Settings(model_dir=tiny_model))


@pytest.fixture
async def probe(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service whose lifespan has not begun."""
    transport = httpx.ASGITransport(service)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as probe:
        yield probe


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


def health(contract: Contract, status: str) -> dict[str, object]:
    return {
        "status": status,
        "name": "tiny",
        "api_version": __version__,
        "model_lib_version": "1.2.3",
        "model": {
            "name": "tiny",
            "sha256": contract.files["model.onnx"],
            "data_source": "real",
            "trained_at": f"{contract.provenance.trained_at:%Y-%m-%dT%H:%M:%SZ}",
        },
    }


def not_ready(detail: str) -> dict[str, object]:
    return {"type": "urn:problem:not-ready", "title": "Not ready", "status": 503, "detail": detail}


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
    assert Page(welcome(contract.model_copy(update={"files": files}))).links == ["docs", "health"]


def test_page_shows_markup_in_titles_as_text(contract: Contract) -> None:
    hostile = '<script src="//evil">alert(1)</script> & "$name"'
    plain, page = (
        Page(welcome(each))
        for each in (contract, contract.model_copy(update={"title": hostile, "description": hostile}))
    )
    assert page.words.count(hostile) == 3
    assert (page.tags, page.links) == (plain.tags, plain.links)


async def test_health_names_what_answers(client: httpx.AsyncClient, contract: Contract) -> None:
    response = await client.get("/health")
    assert (response.status_code, response.json()) == (200, health(contract, "ok"))
    assert response.headers["content-type"] == "application/json"


async def test_ready_is_503_before_the_service_starts_and_200_after(
    service: Service, probe: httpx.AsyncClient
) -> None:
    before = await probe.get("/ready")
    assert (before.status_code, before.json()) == (503, not_ready("The replica is starting."))
    assert before.headers["content-type"] == "application/problem+json"
    async with service.router.lifespan_context(service):
        after = await probe.get("/ready")
    assert (after.status_code, after.json()) == (200, {"status": "ready"})


async def test_replica_that_drains_wants_no_traffic_and_answers_all_the_same(
    service: Service, probe: httpx.AsyncClient, contract: Contract
) -> None:
    async with service.router.lifespan_context(service):
        service.readiness.drain()
        ready, alive = await probe.get("/ready"), await probe.get("/health")
        answer = await probe.post("/predict", json=contract.example)
    assert (ready.status_code, ready.json()) == (503, not_ready("The replica is draining."))
    assert (alive.status_code, alive.json()) == (503, health(contract, "draining"))
    assert answer.status_code == 200


async def test_metrics_are_text_as_prometheus_reads_it(service: Service, probe: httpx.AsyncClient) -> None:
    before = service.metrics.text().decode()
    response = await probe.get("/metrics")
    assert response.status_code == 200
    assert dict(response.headers) == {
        "content-type": "text/plain; version=0.0.4; charset=utf-8",
        "content-length": str(len(response.content)),
    }
    itself = ("http_requests_in_flight 0.0", "http_requests_in_flight 1.0")
    assert response.text == before.replace(*itself)


def test_draining_outlasts_the_start_of_a_worker() -> None:
    readiness = Readiness()
    readiness.drain()
    readiness.started = True
    assert readiness.obstacle() == "The replica is draining."
