"""Floor B: FastAPI with an idiomatic body model. It validates the rows and sends a constant."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI, Response
from pydantic import BaseModel

from app.core.baked_model import load_contract
from benchmarks.apps.constant_answers import read_answers
from benchmarks.apps.request_model import request_model


def create() -> FastAPI:
    app = FastAPI()
    body_model = request_model(load_contract(Path(os.environ["MODEL_DIR"])).features)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    for rows, answer in read_answers().items():
        app.post(f"/predict/{rows}")(_endpoint(body_model, answer))
    return app


def _endpoint(body_model: type[BaseModel], answer: bytes) -> Callable[..., Awaitable[Response]]:
    async def predict(body: body_model) -> Response:  # type: ignore[valid-type] # noqa: ARG001 - only validated
        return Response(answer, media_type="application/json")

    return predict
