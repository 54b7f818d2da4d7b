"""GET /health and GET /ready."""

from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from app import __version__
from app.core.contract import Contract, DataSource, FittedOn, MetricsOf
from app.core.errors import Problem
from app.monitoring.readiness import Readiness
from app.routes.openapi import problem_responses


class ModelInfo(BaseModel):
    """The model, and the data that it was trained on."""

    name: str
    sha256: str = Field(description="Of model.onnx.")
    data_source: DataSource
    trained_at: datetime
    fitted_on: FittedOn = Field(
        description="A refit gives the model the test rows to learn from too, once it has passed the test."
    )
    metrics_of: MetricsOf = Field(
        description="The model that the metrics in the contract and on the card were measured on."
    )


class Health(BaseModel):
    """The state of the replica, and its versions."""

    status: Literal["ok", "draining"]
    name: str
    api_version: str
    model_lib_version: str
    model: ModelInfo


class Ready(BaseModel):
    """The replica wants traffic."""

    status: Literal["ready"]


def router(contract: Contract, readiness: Readiness) -> APIRouter:
    routes = APIRouter()
    versions = describe(contract)
    draining = versions.model_copy(update={"status": "draining"})

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

    return routes


def describe(contract: Contract) -> Health:
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
            fitted_on=contract.provenance.fitted_on,
            metrics_of=contract.provenance.metrics_of,
        ),
    )
