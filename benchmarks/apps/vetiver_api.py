"""The pipeline at PIPELINE as a vetiver API, which checks the columns against the example row."""

import json
import os
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from vetiver import VetiverAPI, VetiverModel


def create() -> Any:
    contract = json.loads((Path(os.environ["MODEL_DIR"]) / "contract.json").read_text())
    example = pd.DataFrame([{feature["name"]: feature["example"] for feature in contract["features"]}])
    model = VetiverModel(joblib.load(os.environ["PIPELINE"]), "census", prototype_data=example)
    return VetiverAPI(model, check_prototype=True).app
