import httpx
import pytest

from app.main import Service
from tests.support.headers import own
from tests.support.problems import assert_problem, problem


async def test_metrics_are_text_for_prometheus(service: Service, client: httpx.AsyncClient) -> None:
    before = service.metrics.render().decode()
    response = await client.get("/metrics")
    assert response.status_code == 200
    assert own(response) == {
        "content-type": "text/plain; version=0.0.4; charset=utf-8",
        "content-length": str(len(response.content)),
    }
    assert response.text == before.replace("http_requests_in_flight 0.0", "http_requests_in_flight 1.0")


NOT_FOUND = problem(404, "not-found", "There is nothing at this path. See /docs for what there is.")


@pytest.mark.parametrize(
    "path", ["/metrics", "/metrics?a=b", "/%6Detrics", "/metric%73", "/%6d%65%74%72%69%63%73"]
)
async def test_a_proxy_gets_no_metrics_however_it_spells_the_path(
    client: httpx.AsyncClient, path: str
) -> None:
    assert (await client.get(path)).status_code == 200
    assert_problem(await client.get(path, headers={"X-Forwarded-For": "203.0.113.9"}), NOT_FOUND)


@pytest.mark.parametrize(
    "path", ["/metrics/", "//metrics", "/METRICS", "/metrics;", "/metrics%3F", "/%2Fmetrics", "/%256Detrics"]
)
async def test_another_path_that_looks_like_it_has_no_metrics(client: httpx.AsyncClient, path: str) -> None:
    assert_problem(await client.get(f"http://{client.base_url.host}{path}"), NOT_FOUND)
