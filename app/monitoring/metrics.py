"""Every metric, declared once and counted in memory that all workers share.

Each worker counts in its own slot, so that no worker waits and no count is lost. Any worker can add the
slots. That costs about a microsecond a request; the files that the client library has for several processes
cost twelve. The text format is the library's.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import accumulate, count, product
from typing import Any

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from app import __version__
from app.core.contract import Contract
from app.core.replacements import Replaced, list_replacements
from app.monitoring.shared_memory import SharedCells

CLIENT_LEFT = 499
BUCKETS = (
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
)  # seconds
BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64)  # requests
STATUSES = (200, 204, 304, 400, 401, 404, 405, 408, 413, 415, 422, 429, 500, 503, "other")
ROUTES = (
    "/",
    "/predict",
    "/predict/file",
    "/health",
    "/ready",
    "/metrics",
    "/card",
    "/docs",
    "/openapi.json",
    "other",
)
KINDS = (
    "missing",
    "extra_forbidden",
    "literal_error",
    "category_type",
    "float_type",
    "number_type",
    "bool_type",
    "finite_number",
    "greater_than_equal",
    "less_than_equal",
    "multiple_of",
    "dict_type",
    "list_type",
    "too_short",
    "too_long",
    "wrong_shape",
    "cells",
    "datetime",
    "id",
    "other",
)
DROPPED = ("head", "body", "reader", "idle", "full", "invalid")
"""Why the service closes a connection; docs/operations.md explains the reasons."""


class Metrics(Collector):
    """Counts requests, predictions and errors; `render` returns the text of /metrics.

    Every series is declared at the start, so that clients can't create more.
    """

    def __init__(self, contract: Contract, key_names: Collection[str] = ()) -> None:
        names = [feature.name for feature in contract.features]
        self._contract = contract
        self._feature_of = {name: feature.name for feature in contract.features for name in feature.names}
        numbers = count(1)  # from 1, so that no number of a cell is false
        self._requests = {key: next(numbers) for key in product(ROUTES, STATUSES)}
        self._buckets = {route: [next(numbers) for _ in range(len(BUCKETS) + 1)] for route in ROUTES}
        self._seconds = {route: next(numbers) for route in ROUTES}
        self._refused = next(numbers)
        self._batches = [next(numbers) for _ in range(len(BATCH_BUCKETS) + 1)]
        self._batched_requests = next(numbers)
        self._rows = next(numbers)
        self._predictions = [next(numbers) for _ in contract.target.labels]
        self._invalid = {key: next(numbers) for key in product([*names, ""], KINDS)}
        self._replaced = {key: next(numbers) for key in list_replacements(contract.features)}
        self._dropped = {reason: next(numbers) for reason in DROPPED}
        self._dropped_log_lines = next(numbers)
        self._keys = {name: next(numbers) for name in key_names}
        self._in_flight = next(numbers)
        self._cells = SharedCells(next(numbers))
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def use_slot(self, slot: int) -> None:
        """Count in that slot from now on. The requests in flight of its last worker ended with the worker."""
        self._cells.use_slot(slot)
        self._cells.own[self._in_flight] = 0

    def request_started(self) -> None:
        self._cells.own[self._in_flight] += 1

    def request_finished(self, path: str, status: int, seconds: float) -> None:
        """Count a request that was started, and answered with `status`."""
        route = path if path in self._buckets else "other"
        own = self._cells.own
        own[self._in_flight] -= 1
        own[self._requests.get((route, status)) or self._requests[route, "other"]] += 1
        own[self._buckets[route][bisect_left(BUCKETS, seconds)]] += 1
        own[self._seconds[route]] += seconds

    def count_key(self, name: str) -> None:
        """Count a request that came with the API key of that name."""
        self._cells.own[self._keys[name]] += 1

    def count_refusal(self, path: str) -> None:
        """Count a request that was answered with 503, because it would have waited too long."""
        route = path if path in self._buckets else "other"
        own = self._cells.own
        own[self._requests[route, HTTPStatus.SERVICE_UNAVAILABLE]] += 1
        own[self._refused] += 1

    def count_batch(self, requests: int) -> None:
        """Count a run of the model for so many small requests together."""
        own = self._cells.own
        own[self._batches[bisect_left(BATCH_BUCKETS, requests)]] += 1
        own[self._batched_requests] += requests

    def count_predictions(self, positions: Sequence[int]) -> None:
        """Count the rows of a prediction by their label positions."""
        own = self._cells.own
        own[self._rows] += len(positions)
        for position in set(positions):
            own[self._predictions[position]] += positions.count(position)

    def count_replaced(self, replaced: Replaced) -> None:
        """Count values that were read as something else."""
        own = self._cells.own
        for key, values in replaced.items():
            own[self._replaced[key]] += values

    def count_row_errors(self, errors: Iterable[Mapping[str, Any]]) -> None:
        """Count errors in rows by feature and kind; "" stands for an error that is not about one feature."""
        own = self._cells.own
        for error in errors:
            name = self._feature_of.get(error["loc"][-1] if error["loc"] else "", "")
            own[self._invalid.get((name, error["type"])) or self._invalid[name, "other"]] += 1

    def count_dropped(self, reason: str) -> None:
        """Count a connection that the service closes, for a reason of DROPPED."""
        self._cells.own[self._dropped[reason]] += 1

    def count_dropped_log_line(self) -> None:
        self._cells.own[self._dropped_log_lines] += 1

    def render(self) -> bytes:
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        totals = self._cells.totals()
        yield self._count_requests(totals)
        yield self._time_requests(totals)
        in_flight = GaugeMetricFamily("http_requests_in_flight", "Requests that are being answered now.")
        in_flight.add_metric([], totals[self._in_flight])
        yield in_flight
        refused = CounterMetricFamily(
            "http_requests_refused", "Requests that got 503 at once, as they would have waited too long."
        )
        refused.add_metric([], totals[self._refused])
        yield refused
        yield self._describe_batches(totals)
        rows = CounterMetricFamily("predict_rows", "Rows that got a prediction.")
        rows.add_metric([], totals[self._rows])
        yield rows
        predictions = CounterMetricFamily("predictions", "Predictions by label.", labels=["label"])
        for label, cell in zip(self._contract.target.labels, self._predictions, strict=True):
            predictions.add_metric([label], totals[cell])
        yield predictions
        yield self._count_invalid(totals)
        replaced = CounterMetricFamily(
            "values_replaced", "Values that were read as something else.", labels=["feature", "reason"]
        )
        for key, cell in self._replaced.items():
            replaced.add_metric(key, totals[cell])
        yield replaced
        dropped = CounterMetricFamily(
            "connections_dropped", "Connections closed, by reason.", labels=["reason"]
        )
        for reason, cell in self._dropped.items():
            if totals[cell]:
                dropped.add_metric([reason], totals[cell])
        yield dropped
        log_lines = CounterMetricFamily("log_lines_dropped", "Lines of the log that nobody read in time.")
        log_lines.add_metric([], totals[self._dropped_log_lines])
        yield log_lines
        keys = CounterMetricFamily("api_key_requests", "Requests by the name of their key.", labels=["key"])
        for name, cell in self._keys.items():
            keys.add_metric([name], totals[cell])
        yield keys
        yield from self._describe()

    def _count_requests(self, totals: Sequence[float]) -> Metric:
        family = CounterMetricFamily(
            "http_requests", "Requests by route and status.", labels=["route", "status"]
        )
        for (route, status), cell in self._requests.items():
            if totals[cell]:
                family.add_metric([route, str(status)], totals[cell])
        return family

    def _time_requests(self, totals: Sequence[float]) -> Metric:
        family = HistogramMetricFamily(
            "http_request_duration_seconds",
            "From the first byte of a request to the last of its answer.",
            labels=["route"],
        )
        for route, cells in self._buckets.items():
            buckets = _cumulate(BUCKETS, [totals[cell] for cell in cells])
            if buckets[-1][1]:
                family.add_metric([route], buckets, totals[self._seconds[route]])
        return family

    def _describe_batches(self, totals: Sequence[float]) -> Metric:
        family = HistogramMetricFamily(
            "predict_batch_requests", "Requests that the model answered together; large ones do not count."
        )
        buckets = _cumulate(BATCH_BUCKETS, [totals[cell] for cell in self._batches])
        family.add_metric([], buckets, totals[self._batched_requests])
        return family

    def _count_invalid(self, totals: Sequence[float]) -> Metric:
        family = CounterMetricFamily(
            "validation_errors", "Errors in rows, by feature and kind.", labels=["feature", "kind"]
        )
        for (feature, kind), cell in self._invalid.items():
            if totals[cell]:
                family.add_metric([feature, kind], totals[cell])
        return family

    def _describe(self) -> Iterator[Metric]:
        contract = self._contract
        model = {
            "name": contract.name,
            "version": contract.model_version,
            "sha256": contract.model_sha256,
            "data_source": contract.provenance.data_source,
        }
        for name, documentation, labels in (
            ("model_info", "The model that answers.", model),
            ("build_info", "The service.", {"version": __version__}),
        ):
            family = GaugeMetricFamily(name, documentation, labels=list(labels))
            family.add_metric(list(labels.values()), 1)
            yield family


def _cumulate(bounds: Sequence[float], counts: Sequence[float]) -> list[tuple[str, float]]:
    """Return the buckets of a histogram: each counts what is at most its bound."""
    return list(zip([*map(str, bounds), "+Inf"], accumulate(counts), strict=True))
