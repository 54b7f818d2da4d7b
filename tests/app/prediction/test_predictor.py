import json
from itertools import product

import numpy as np
import pytest

from app.core.model import Model
from app.monitoring.metrics import Metrics
from app.prediction.predictor import LARGE_BODY, MANY_ROWS, Predictor, is_large
from tests.support.tiny import ROW, batch


async def test_probabilities_sum_to_one_and_the_label_follows_the_threshold(model: Model) -> None:
    grid = product([1, 8, 15, 22, 30], np.linspace(0, 20, 21).tolist(), ["A", "B", "C", None], [True, False])
    rows = [dict(zip(ROW, values, strict=True)) for values in grid]
    predictor = Predictor(model, Metrics(model.contract), max_rows=len(rows))
    answer = json.loads((await predictor.answer(batch(*rows))).content)
    yes = [probabilities["yes"] for probabilities in answer["probabilities"]]
    sums = [sum(probabilities.values()) for probabilities in answer["probabilities"]]
    assert sums == pytest.approx([1] * len(rows), abs=1e-6)
    assert answer["predictions"] == ["yes" if probability >= 0.6 else "no" for probability in yes]
    assert min(yes) < 0.5
    assert any(0.5 < probability < 0.6 for probability in yes)
    assert max(yes) > 0.6


@pytest.mark.parametrize(
    ("body", "media_type", "large"),
    [
        (b" " * LARGE_BODY, b"application/json", False),
        (b" " * (LARGE_BODY + 1), b"application/json", True),
        (b"{" * MANY_ROWS, b"application/json", False),
        (b"{" * (MANY_ROWS + 1), b"application/json", True),
        (b"\n" * (MANY_ROWS + 1), b"application/json", False),
        (b"\n" * MANY_ROWS, b"text/csv", False),
        (b"\n" * (MANY_ROWS + 1), b"text/csv", True),
    ],
)
def test_body_is_large_by_its_bytes_or_its_rows(body: bytes, media_type: bytes, large: bool) -> None:
    assert is_large(body, media_type) is large
