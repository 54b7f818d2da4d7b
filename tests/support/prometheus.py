"""The text of /metrics, as Prometheus reads it."""

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from app.monitoring.metrics import Metrics

UNCOUNTED = ("http_request_duration_seconds", "predict_batch_requests", "model_info", "build_info")
"""What holds a time or the size of a batch, or describes the service."""
ZERO = {
    "predict_rows_total": 0.0,
    'predictions_total{label="no"}': 0.0,
    'predictions_total{label="yes"}': 0.0,
    "http_requests_refused_total": 0.0,
    "http_requests_in_flight": 0.0,
    "log_lines_dropped_total": 0.0,
}
"""The counts of the tiny model before the first request."""


def families(text: str) -> list[Metric]:
    return list(text_string_to_metric_families(text))


def series(text: str) -> dict[str, float]:
    """Return every number by its name and labels."""
    numbers = {}
    for family in families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            numbers[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return numbers


def counts(metrics: Metrics) -> dict[str, float]:
    """Return every number that counts something, by its name and labels."""
    numbers = series(metrics.render().decode())
    return {name: value for name, value in numbers.items() if not name.startswith(UNCOUNTED)}


def requests(route: str, status: int | str) -> str:
    return f'http_requests_total{{route="{route}",status="{status}"}}'


def row_errors(feature: str, kind: str) -> str:
    return f'validation_errors_total{{feature="{feature}",kind="{kind}"}}'
