"""GET /metrics."""

from fastapi import APIRouter
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import PlainTextResponse, Response

from app.monitoring.metrics import Metrics


def router(metrics: Metrics) -> APIRouter:
    routes = APIRouter()

    @routes.get(
        "/metrics",
        summary="Prometheus metrics of all workers",
        tags=["operations"],
        response_class=PlainTextResponse,
    )
    async def get_metrics() -> Response:
        return Response(metrics.render(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return routes
