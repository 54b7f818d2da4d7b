"""The baseline, as most people write it: a pydantic body, a DataFrame, a pickled scikit-learn pipeline."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from fastapi import FastAPI

from app.core.baked_model import load_contract
from benchmarks.apps.request_model import request_model


def create() -> FastAPI:
    """Return the app for the pipeline at PIPELINE, which takes a DataFrame of raw values."""
    app = FastAPI()
    contract = load_contract(Path(os.environ["MODEL_DIR"]))
    body_model = request_model(contract.features)
    pipeline = joblib.load(os.environ["PIPELINE"])
    labels = contract.target.labels

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/predict")
    async def predict(body: body_model) -> dict[str, Any]:  # type: ignore[valid-type] # made at run time
        frame = pd.DataFrame([row.model_dump() for row in body.inputs])  # type: ignore[attr-defined] # as above
        probabilities = pipeline.predict_proba(frame)
        return {
            "model_lib_version": contract.model_version,
            "timestamp": datetime.now(UTC).isoformat(),
            "predictions": [labels[position] for position in contract.target.decide(probabilities)],
            "probabilities": [dict(zip(labels, row, strict=True)) for row in probabilities.tolist()],
        }

    return app
