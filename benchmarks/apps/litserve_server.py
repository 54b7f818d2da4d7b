"""python -m benchmarks.apps.litserve_server PORT: the pipeline at PIPELINE behind LitServe."""

import os
import sys
from typing import Any

import joblib
import litserve
import pandas as pd
from fastapi import Request


class Census(litserve.LitAPI):
    def setup(self, device: str) -> None:  # noqa: ARG002 - LitServe calls it so
        self.pipeline = joblib.load(os.environ["PIPELINE"])

    def decode_request(self, request: Request) -> Any:
        return pd.DataFrame(request["inputs"])

    def predict(self, x: Any) -> Any:
        return self.pipeline.predict(x)

    def encode_response(self, output: Any) -> Any:
        return {"predictions": output.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Census(), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning")
