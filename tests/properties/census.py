"""The service with the census model, and requests for it that Hypothesis generates."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import joblib
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject, SearchStrategy
from threadpoolctl import threadpool_limits

from app.core.baked_model import load_contract
from app.core.contract import Contract
from app.core.datetime_feature import DatetimeFeature
from app.core.encoders import Encoder
from app.core.errors import ProblemDocument
from app.core.features import (
    LONGEST_TEXT,
    BooleanFeature,
    CategoryFeature,
    Feature,
    IntegerFeature,
    NumberFeature,
    OpenCategoryFeature,
)
from app.main import create_app
from app.settings import Settings
from tests.support.asgi import body_messages, http_scope, run_asgi
from tests.support.prometheus import series

often = settings(max_examples=100, deadline=None, derandomize=True, database=None)

Row = dict[str, Any]


class Answer(NamedTuple):
    """A response of the service."""

    status: int
    content_type: str
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """The predictions, without their time."""
        assert (self.status, self.content_type) == (200, "application/json")
        document: dict[str, Any] = json.loads(self.body)
        del document["timestamp"]
        return document


class Census:
    """The service with the census model, and the scikit-learn pipeline from which the model was exported."""

    def __init__(self, directory: Path) -> None:
        self.contract: Contract = load_contract(directory)
        self.features = self.contract.features
        self._pipeline = joblib.load(directory.with_name("model.joblib"))
        self._app = create_app(Settings(model_dir=directory))

    def post(self, body: bytes, content_type: str = "application/json", path: str = "/predict") -> Answer:
        """Send a body; an exception of the service is raised here."""
        return asyncio.run(self._post(body, content_type, path))

    def post_together(self, bodies: Sequence[tuple[bytes, str]]) -> list[Answer]:
        """Send bodies with their content types in the same turn of the event loop."""

        async def post() -> list[Answer]:
            return await asyncio.gather(*(self._post(*body, "/predict") for body in bodies))

        return asyncio.run(post())

    async def _post(self, body: bytes, content_type: str, path: str) -> Answer:
        scope = http_scope(path, headers=[(b"content-type", content_type.encode("latin-1"))])
        start, end = await run_asgi(self._app, scope, body_messages([body]), read_all=False)
        content_type = dict(start["headers"])[b"content-type"].decode()
        return Answer(start["status"], content_type, end["body"])

    @property
    def batches(self) -> tuple[float, float]:
        """How often the model ran for small requests so far, and for how many of them."""
        numbers = series(self._app.metrics.render().decode())
        return numbers["predict_batch_requests_count"], numbers["predict_batch_requests_sum"]

    def post_rows(self, rows: list[Row]) -> Answer:
        return self.post(json.dumps({"inputs": rows}).encode())

    def predict_proba(self, rows: list[Row]) -> Any:
        """Return the probabilities of scikit-learn itself."""
        ordered = [{feature.name: row[feature.name] for feature in self.features} for row in rows]
        with threadpool_limits(1):  # for a few rows, threads cost more than they save
            return self._pipeline.predict_proba(Encoder(self.features)(ordered))


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=LONGEST_TEXT).filter(
    lambda text: text == text.strip()
)
"""Text that is a category which nobody declared."""


def values(feature: Feature) -> SearchStrategy[Any]:
    """JSON values that the feature accepts."""
    accepted: SearchStrategy[Any]
    match feature:
        case IntegerFeature() if feature.may_replace:
            accepted = st.integers(-(10**30), 10**30)
        case NumberFeature() if feature.may_replace:
            accepted = st.floats(allow_nan=False, allow_infinity=False)
        case IntegerFeature():
            whole = st.integers(feature.minimum, feature.maximum)
            accepted = whole | whole.map(float)
        case NumberFeature():
            accepted = st.floats(feature.minimum, feature.maximum)
        case CategoryFeature():
            accepted = st.sampled_from(feature.levels) | (texts if feature.may_replace else st.nothing())
        case OpenCategoryFeature():
            accepted = texts | st.integers(-(10**30), 10**30)
        case BooleanFeature():
            accepted = st.booleans() | st.sampled_from(["yes", "OFF", *feature.words.meanings])
        case DatetimeFeature():
            accepted = st.just(feature.example)
    if feature.missing is None:
        return accepted
    return accepted | st.sampled_from([None, *feature.missing.markers])


def rows(features: tuple[Feature, ...]) -> SearchStrategy[Row]:
    """Rows with a value for each feature, under its own name; one with a default may be absent."""
    required = {feature.name: values(feature) for feature in features if feature.absent is None}
    optional = {feature.name: values(feature) for feature in features if feature.absent is not None}
    return st.fixed_dictionaries(required, optional=optional)


def rename_and_shuffle(draw: DataObject, features: tuple[Feature, ...], row: Row) -> Row:
    """Return the row in any order, with aliases for some of the names."""
    order = draw.draw(st.permutations(features))
    return {draw.draw(st.sampled_from(feature.names)): row[feature.name] for feature in order}


def assert_problem(answer: Answer) -> None:
    """Assert that the answer blames the request, in a problem document."""
    assert answer.content_type == "application/problem+json"
    document = ProblemDocument.model_validate_json(answer.body, extra="forbid")
    assert document.status == answer.status
    assert 400 <= answer.status < 500


def assert_answered_or_refused(answer: Answer) -> None:
    """Assert that the answer is a prediction or blames the request; it is never the service's fault."""
    if answer.status == 200:
        assert len(json.loads(answer.body)["predictions"]) >= 1
    else:
        assert_problem(answer)
