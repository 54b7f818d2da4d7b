"""The pipeline at PIPELINE as a BentoML service."""

import os
from typing import Any

import bentoml
import joblib
import pandas as pd


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Census:
    def __init__(self) -> None:
        self.pipeline = joblib.load(os.environ["PIPELINE"])

    @bentoml.api(route="/predict")
    def predict(self, inputs: list[dict[str, Any]]) -> list[int]:
        positions: list[int] = self.pipeline.predict(pd.DataFrame(inputs)).tolist()
        return positions
