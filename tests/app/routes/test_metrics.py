import httpx

from app.main import Service
from tests.support.headers import own


async def test_metrics_are_text_for_prometheus(service: Service, client: httpx.AsyncClient) -> None:
    before = service.metrics.render().decode()
    response = await client.get("/metrics")
    assert response.status_code == 200
    assert own(response) == {
        "content-type": "text/plain; version=0.0.4; charset=utf-8",
        "content-length": str(len(response.content)),
    }
    assert response.text == before.replace("http_requests_in_flight 0.0", "http_requests_in_flight 1.0")
