"""The baseline: what everyone writes. A pydantic body, a DataFrame, a scikit-learn pipeline from joblib."""

import os
from datetime import UTC, datetime
from typing import Any

import joblib
import pandas as pd
from fastapi import FastAPI

from benchmarks.servers.request_model import read_contract, request_model

Request = request_model(read_contract())


def create() -> FastAPI:
    """Return the app for the pipeline at PIPELINE, which takes a frame of raw values."""
    app = FastAPI()
    contract = read_contract()
    pipeline = joblib.load(os.environ["PIPELINE"])
    labels = contract["target"]["labels"]

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/predict")
    async def predict(body: Request) -> dict[str, Any]:  # type: ignore[valid-type]
        frame = pd.DataFrame([row.model_dump() for row in body.inputs])  # type: ignore[attr-defined]
        probabilities = pipeline.predict_proba(frame)
        return {
            "model_lib_version": contract["model_version"],
            "timestamp": datetime.now(UTC).isoformat(),
            "predictions": [labels[position] for position in probabilities.argmax(axis=1)],
            "probabilities": [dict(zip(labels, each, strict=True)) for each in probabilities.tolist()],
        }

    return app
