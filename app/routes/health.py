"""What an operator asks: /, /health, /ready and /metrics."""

import mmap
from datetime import datetime
from html import escape
from importlib import resources
from string import Template
from typing import Literal

from fastapi import APIRouter
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from pydantic import BaseModel, Field
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from app import __version__
from app.core.contract import CARD_FILE, Contract, DataSource
from app.core.errors import Problem
from app.monitoring.metrics import Metrics
from app.routes.openapi import problem_responses

CARD_LINK = '<a href="card">Model card: /card</a> '


class ModelInfo(BaseModel):
    """Which model answers, and what it was trained on."""

    name: str
    sha256: str = Field(description="Of model.onnx.")
    data_source: DataSource
    trained_at: datetime


class Health(BaseModel):
    """The versions of what answers."""

    status: Literal["ok", "draining"]
    name: str
    api_version: str
    model_lib_version: str
    model: ModelInfo


class Ready(BaseModel):
    """The replica wants traffic."""

    status: Literal["ready"]


class Readiness:
    """Whether the replica wants traffic. The master says so to every worker, also to one it starts later."""

    def __init__(self) -> None:
        self._draining = mmap.mmap(-1, 1)  # memory that forked processes share
        self.started = False

    @property
    def draining(self) -> bool:
        return self._draining[0] != 0

    def drain(self) -> None:
        self._draining[0] = 1

    def obstacle(self) -> str | None:
        """Return why this process does not want traffic, None if it does."""
        if self.draining:
            return "The replica is draining."
        return None if self.started else "The replica is starting."


def router(contract: Contract, readiness: Readiness, metrics: Metrics) -> APIRouter:
    """Return the routes; what never changes is rendered once, here."""
    routes = APIRouter()
    page = welcome(contract)
    versions = health(contract)
    draining = versions.model_copy(update={"status": "draining"})

    @routes.get("/", include_in_schema=False)
    async def get_root() -> Response:
        return HTMLResponse(page)

    @routes.get(
        "/health",
        summary="Is it alive, and which versions answer?",
        description="503 while the replica drains: a load balancer that checks this route stops sending.",
        tags=["operations"],
        responses={503: {"model": Health, "description": "The replica drains."}},
    )
    async def get_health(response: Response) -> Health:
        if readiness.draining:
            response.status_code = 503
            return draining
        return versions

    @routes.get(
        "/ready",
        summary="Does it want traffic?",
        tags=["operations"],
        responses=problem_responses({503: "Not ready; the detail says why."}),
    )
    async def get_ready() -> Ready:
        if obstacle := readiness.obstacle():
            raise Problem(503, "not-ready", obstacle)
        return Ready(status="ready")

    @routes.get(
        "/metrics",
        summary="Prometheus metrics of all workers",
        tags=["operations"],
        response_class=PlainTextResponse,
    )
    async def get_metrics() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return routes


def health(contract: Contract) -> Health:
    return Health(
        status="ok",
        name=contract.name,
        api_version=__version__,
        model_lib_version=contract.model_version,
        model=ModelInfo(
            name=contract.name,
            sha256=contract.model_sha256,
            data_source=contract.provenance.data_source,
            trained_at=contract.provenance.trained_at,
        ),
    )


def welcome(contract: Contract) -> str:
    """Return the page at /, which names the model and says on which data it was trained."""
    template = Template(resources.files("app").joinpath("static/welcome.html").read_text())
    provenance = contract.provenance
    return template.substitute(
        title=escape(contract.title),
        description=escape(contract.description),
        name=escape(contract.name),
        model_version=escape(contract.model_version),
        api_version=escape(__version__),
        data_source=escape(provenance.data_source),
        rows=f"{provenance.rows:,}",
        trained_at=f"{provenance.trained_at:%Y-%m-%d %H:%M} UTC",
        card=CARD_LINK if CARD_FILE in contract.files else "",
    )
