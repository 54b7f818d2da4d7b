import csv
import io
import json
from typing import Any
from unittest.mock import ANY

import numpy as np
import pytest
from pydantic import ValidationError

from app.core.contract import Contract, Target
from app.core.values import Matrix
from app.prediction.prediction import Prediction
from app.prediction.responses import CsvWriter, Extras, JsonWriter, response_models
from app.prediction.scoring import FileMetrics, compute_metrics

TIMESTAMP = "2026-11-27T10:30:00.000001+00:00"
LATER = "2026-11-27T10:30:00.000002+00:00"
ODD = ('100% "sure"', "<=50K, or so", "größer\n")


def with_target(contract: Contract, target: Target) -> Contract:
    return contract.model_copy(update={"target": target})


def matrix(*rows: list[float]) -> Matrix:
    return np.array(rows, dtype=np.float32)


def prediction(positions: list[int], *rows: list[float], timestamp: str = TIMESTAMP) -> Prediction:
    return Prediction(positions, matrix(*rows).tolist(), timestamp)


def write_json(contract: Contract, *chunks: Prediction, metrics: Any = None) -> bytes:
    writer = JsonWriter(contract)
    return writer.write_body([writer.write_chunk(chunk) for chunk in chunks], Extras(metrics=metrics))


def write_csv(contract: Contract, *chunks: Prediction) -> bytes:
    writer = CsvWriter(contract)
    return writer.write_body([writer.write_chunk(chunk) for chunk in chunks])


def parse_csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))


def test_json_has_a_label_and_every_probability_for_each_row(contract: Contract) -> None:
    answer = write_json(contract, prediction([1, 0], [0.25, 0.75], [1, 0]))
    assert json.loads(answer) == {
        "model_lib_version": "1.2.3",
        "timestamp": TIMESTAMP,
        "predictions": ["yes", "no"],
        "probabilities": [{"no": 0.25, "yes": 0.75}, {"no": 1, "yes": 0}],
    }


def test_parts_make_one_body_with_the_time_of_the_last(contract: Contract) -> None:
    first, last = prediction([1], [0.25, 0.75]), prediction([0, 0], [1, 0], [1, 0], timestamp=LATER)
    whole = prediction([1, 0, 0], [0.25, 0.75], [1, 0], [1, 0], timestamp=LATER)
    assert write_json(contract, first, last) == write_json(contract, whole)
    assert write_csv(contract, first, last) == write_csv(contract, whole)


METRICS: FileMetrics = {
    "rows": 1,
    "labels": list(ODD),
    "confusion_matrix": [[0, 1], [0, 0]],
    "accuracy": None,
    "log_loss": 0.5,
}


def test_json_ends_with_the_metrics_of_a_file(contract: Contract) -> None:
    answer = write_json(contract, prediction([1], [0.25, 0.75]), metrics=METRICS)
    assert json.loads(answer) == {
        "model_lib_version": "1.2.3",
        "timestamp": TIMESTAMP,
        "predictions": ["yes"],
        "probabilities": [{"no": 0.25, "yes": 0.75}],
        "metrics": METRICS,
    }


def test_json_escapes_labels(contract: Contract) -> None:
    odd = with_target(contract, Target(name="sum", labels=ODD))
    assert json.loads(write_json(odd, prediction([2, 0], [0.25, 0.125, 0.625], [1, 0, 0]))) == {
        "model_lib_version": "1.2.3",
        "timestamp": TIMESTAMP,
        "predictions": ["größer\n", '100% "sure"'],
        "probabilities": [
            {'100% "sure"': 0.25, "<=50K, or so": 0.125, "größer\n": 0.625},
            {'100% "sure"': 1, "<=50K, or so": 0, "größer\n": 0},
        ],
    }


@pytest.mark.parametrize(
    "target",
    [
        Target(name="paid", labels=("no", "yes"), positive="yes"),
        Target(name="sum", labels=ODD),
        Target(name="key", labels=("_x", "copy", "json", "model_config", "label_0")),
    ],
    ids=["binary", "odd labels", "labels that are names in pydantic"],
)
def test_json_is_as_its_models_describe_it(contract: Contract, target: Target) -> None:
    labels = len(target.labels)
    truth, probabilities = np.arange(labels), np.eye(labels, dtype=np.float32)
    predicted, contract = Prediction.decide(target, probabilities), with_target(contract, target)
    answer = write_json(contract, predicted)
    file_answer = write_json(contract, predicted, metrics=compute_metrics(target, truth, probabilities))
    for model, body in zip(response_models(contract), (answer, file_answer), strict=True):
        response = model.model_validate_json(body, strict=True, extra="forbid", by_alias=True, by_name=False)
        document = json.loads(body)
        assert response.model_dump(mode="json", by_alias=True) == document | {"timestamp": ANY}


def test_models_refuse_another_answer(contract: Contract) -> None:
    predict_response, file_response = response_models(contract)
    answer = json.loads(write_json(contract, prediction([1], [0.25, 0.75])))
    for change in (
        {"predictions": ["maybe"]},
        {"probabilities": [{"no": 1}]},
        {"probabilities": [{"no": 0.5, "yes": 1.5}]},
        {"timestamp": "today"},
        {"metrics": METRICS},
    ):
        for model in (predict_response, file_response):
            with pytest.raises(ValidationError):
                model.model_validate(answer | change, extra="forbid")


def test_csv_has_a_header_and_a_line_for_each_row(contract: Contract) -> None:
    answer = write_csv(contract, prediction([1, 0], [0.25, 0.75], [1, 0]))
    assert answer == b"prediction,probability no,probability yes\nyes,0.25,0.75\nno,1,0\n"


def test_csv_quotes_labels(contract: Contract) -> None:
    odd = with_target(contract, Target(name="sum", labels=ODD))
    answer = write_csv(odd, prediction([0, 1, 2], [0.25, 0.125, 0.625], [1, 0, 0], [0, 0, 1]))
    assert parse_csv(answer) == [
        ["prediction", 'probability 100% "sure"', "probability <=50K, or so", "probability größer\n"],
        ['100% "sure"', "0.25", "0.125", "0.625"],
        ["<=50K, or so", "1", "0", "0"],
        ["größer\n", "0", "0", "1"],
    ]


def test_every_float32_survives_json_and_csv(contract: Contract) -> None:
    rng = np.random.default_rng(0)
    bits = rng.integers(0, np.float32(1).view(np.uint32), 20_000, dtype=np.uint32)
    edges = matrix([0, 1e-45, 1.1754944e-38, 1e-9, 0.1234567, 0.6, np.nextafter(np.float32(1), 0), 1])
    column = np.concatenate([edges[0], bits.view(np.float32)])
    numbers = np.stack([column, column[::-1]], axis=1)
    predicted = Prediction.decide(contract.target, numbers)

    answered = json.loads(write_json(contract, predicted))["probabilities"]
    lines = parse_csv(write_csv(contract, predicted))[1:]
    as_json = matrix(*[[row["no"], row["yes"]] for row in answered])
    as_csv = matrix(*[[float(no), float(yes)] for _, no, yes in lines])
    np.testing.assert_array_equal(as_json, numbers)
    np.testing.assert_array_equal(as_csv, numbers)


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.5, 0.6, 0.7, 0.9])
@pytest.mark.parametrize("labels", [("no", "yes"), ("yes", "no")])
def test_label_and_served_probability_agree_around_the_threshold(
    contract: Contract, labels: tuple[str, str], threshold: float
) -> None:
    target = Target(name="paid", labels=labels, positive="yes", threshold=threshold)
    at = np.float32(threshold)
    columns = {"yes": np.array([np.nextafter(at, np.float32(0)), at, np.nextafter(at, np.float32(1))])}
    columns["no"] = 1 - columns["yes"]
    probabilities = np.stack([columns[label] for label in labels], axis=1)
    predicted = Prediction.decide(target, probabilities)
    answer = json.loads(write_json(with_target(contract, target), predicted))
    served = [row["yes"] for row in answer["probabilities"]]
    assert answer["predictions"] == ["no", "yes", "yes"]
    assert [np.float32(yes) >= at for yes in served] == [False, True, True]
    assert len(set(served)) == 3
