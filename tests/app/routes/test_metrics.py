from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.main import Service, create_app
from app.settings import Settings


@pytest.fixture
def service(tiny_model: Path) -> Service:
    return create_app(Settings(model_dir=tiny_model))


@pytest.fixture
async def probe(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(service)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as probe:
        yield probe


async def test_metrics_are_text_as_prometheus_reads_it(service: Service, probe: httpx.AsyncClient) -> None:
    before = service.metrics.render().decode()
    response = await probe.get("/metrics")
    assert response.status_code == 200
    assert dict(response.headers) == {
        "content-type": "text/plain; version=0.0.4; charset=utf-8",
        "content-length": str(len(response.content)),
    }
    itself = ("http_requests_in_flight 0.0", "http_requests_in_flight 1.0")
    assert response.text == before.replace(*itself)
