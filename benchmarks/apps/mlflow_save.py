"""python -m benchmarks.apps.mlflow_save OUT: save the pipeline at PIPELINE as an MLflow model."""

import os
import sys

import joblib
import mlflow.sklearn

if __name__ == "__main__":
    mlflow.sklearn.save_model(
        joblib.load(os.environ["PIPELINE"]), sys.argv[1], serialization_format="cloudpickle"
    )
