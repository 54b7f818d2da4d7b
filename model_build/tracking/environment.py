"""What must be set up before MLflow is imported."""

import os

from model_build.errors import BuildError

SETTINGS = {
    "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # the default of 7 waits four minutes for an absent server
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""Defaults of ours; the environment overrides them."""
DATABASE_RETRIES = 3  # the default of 10 waits 100 seconds for a file that can't be opened


def prepare_mlflow() -> None:
    """Set our defaults and import MLflow, which reads some of them only while it is imported.

    Call it before `tracking.registry` or `tracking.runs` is imported.

    Raises:
        BuildError: MLflow is not installed.
    """
    os.environ |= SETTINGS | os.environ
    try:
        import mlflow.store.db.utils  # noqa: PLC0415 - after the environment is set
    except ModuleNotFoundError as error:
        raise BuildError(
            "MLflow is not installed. Run `make lab`, or install model_build/lab-requirements.txt."
        ) from error
    mlflow.store.db.utils.MAX_RETRY_COUNT = DATABASE_RETRIES
