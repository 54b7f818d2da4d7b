"""Floor B: FastAPI with an idiomatic body model. It validates the rows and sends a constant."""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Response

from benchmarks.servers.answers import by_rows
from benchmarks.servers.request_model import read_contract, request_model

Request = request_model(read_contract())


def create() -> FastAPI:
    app = FastAPI()

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    for rows, answer in by_rows().items():
        app.post(f"/predict/{rows}")(_constant(answer))
    return app


def _constant(answer: bytes) -> Callable[..., Awaitable[Response]]:
    async def predict(body: Request) -> Response:  # type: ignore[valid-type] # noqa: ARG001 - validated, not used
        return Response(answer, media_type="application/json")

    return predict
