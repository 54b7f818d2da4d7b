from datetime import UTC, datetime, timedelta

import numpy as np

from app.core.contract import Target
from app.prediction.prediction import Prediction

TARGET = Target(name="paid", labels=("no", "yes"), positive="yes", threshold=0.6)
PROBABILITIES = np.array([[0.25, 0.75], [1, 0], [0.5, 0.5]], dtype=np.float32)


def test_prediction_has_the_labels_the_exact_probabilities_and_the_time_in_utc() -> None:
    before = datetime.now(UTC)
    positions, probabilities, timestamp = Prediction.decide(TARGET, PROBABILITIES)
    assert (positions, probabilities) == ([1, 0, 0], [[0.25, 0.75], [1, 0], [0.5, 0.5]])
    time = datetime.fromisoformat(timestamp)
    assert time.utcoffset() == timedelta(0)
    assert before <= time <= datetime.now(UTC)


def test_rows_of_a_prediction_keep_its_time() -> None:
    whole = Prediction.decide(TARGET, PROBABILITIES)
    assert whole.rows(1, 3) == Prediction([0, 0], [[1, 0], [0.5, 0.5]], whole.timestamp)
