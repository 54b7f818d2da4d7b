"""GET /metrics, for a scrape of this replica.

A load balancer would answer with the metrics of a random replica, and to the whole internet. So a request
that came through a proxy gets a 404, however its path is spelled: a rule of the proxy may miss /%6Detrics.
"""

from fastapi import APIRouter
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from app.monitoring.metrics import Metrics
from app.routes.openapi import problem_responses


def router(metrics: Metrics) -> APIRouter:
    routes = APIRouter()

    @routes.get(
        "/metrics",
        summary="Prometheus metrics of all workers",
        tags=["operations"],
        response_class=PlainTextResponse,
        responses=problem_responses({404: "The request came through a proxy."}),
    )
    async def get_metrics(request: Request) -> Response:
        if "X-Forwarded-For" in request.headers:
            raise HTTPException(404)
        return Response(metrics.render(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return routes
