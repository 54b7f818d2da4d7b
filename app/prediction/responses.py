"""Predictions → the response body, as JSON or CSV; and the models that describe the JSON."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Protocol

from pydantic import MISSING, BaseModel, Field, create_model

from app.core.contract import Contract
from app.core.ids import Values
from app.prediction.prediction import Prediction
from app.prediction.scoring import BinaryFileMetrics, FileMetrics

Probability = Annotated[float, Field(ge=0, le=1)]


Metrics = FileMetrics | BinaryFileMetrics
JsonChunk = tuple[str, str, str]
"""A timestamp, and the texts of labels and of probabilities."""


class Writer(Protocol):
    """Writes a body in chunks, so that other requests need not wait while a large one is written."""

    def write_chunk(self, prediction: Prediction, ids: Sequence[Values] = ()) -> Any:
        """Return the texts of some rows, and of the ids of each if the contract has ids."""

    def write_body(self, chunks: Sequence[Any]) -> bytes:
        """Return the body with the rows of all chunks, of which there is at least one."""


class FileWriter(Writer, Protocol):
    """Writes the metrics of a file too."""

    def write_body(self, chunks: Sequence[Any], metrics: Metrics | None = None) -> bytes:
        """Return the body with the rows of all chunks, of which there is at least one."""


class JsonWriter:
    """Writes predictions as JSON. The contract fixes its shape, so only numbers are filled into a text."""

    def __init__(self, contract: Contract) -> None:
        self._labels = [json.dumps(label) for label in contract.target.labels]
        numbers = (
            label.replace("%", "%%") + ":%.9g" for label in self._labels
        )  # 9 digits identify any float32
        self._row = "{" + ",".join(numbers) + "}"
        self._head = f'{{"model_lib_version":{json.dumps(contract.model_version)},"timestamp":"'

    def write_chunk(self, prediction: Prediction, ids: Sequence[Values] = ()) -> JsonChunk:  # noqa: ARG002
        labels, row = self._labels, self._row
        return (
            prediction.timestamp,
            ",".join([labels[position] for position in prediction.positions]),
            ",".join([row % tuple(numbers) for numbers in prediction.probabilities]),
        )

    def write_body(self, chunks: Sequence[JsonChunk], metrics: Metrics | None = None) -> bytes:
        """Return the body with all rows of the chunks, of which there is at least one."""
        timestamp, labels, scores = chunks[0] if len(chunks) == 1 else _join(chunks)
        tail = "}" if metrics is None else f',"metrics":{json.dumps(metrics)}}}'
        rows = f'"predictions":[{labels}],"probabilities":[{scores}]'
        return f'{self._head}{timestamp}",{rows}{tail}'.encode()


class CsvWriter:
    """Writes predictions as CSV: a header, and a line for each row with the probability of every label."""

    def __init__(self, contract: Contract) -> None:
        labels = contract.target.labels
        self._cells = [to_cell(label) for label in labels]
        self._line = ",".join(["%s", *("%.9g" for _ in labels)]) + "\n"
        header = ["prediction", *(to_cell(f"probability {label}") for label in labels)]
        self._header = ",".join(header) + "\n"

    def write_chunk(self, prediction: Prediction, ids: Sequence[Values] = ()) -> str:  # noqa: ARG002
        """Return the lines of some rows."""
        return "".join(self.write_lines(prediction))

    def write_lines(self, prediction: Prediction) -> list[str]:
        rows = zip(prediction.positions, prediction.probabilities, strict=True)
        return [self._line % (self._cells[position], *numbers) for position, numbers in rows]

    def write_body(self, chunks: Sequence[str]) -> bytes:
        """Return the header and the lines of the chunks."""
        return "".join([self._header, *chunks]).encode()


def response_models(contract: Contract) -> tuple[type[BaseModel], type[BaseModel]]:
    """Return the models of the JSON for rows and for a file, with the labels of the contract."""
    labels = contract.target.labels
    any_label: Any = Literal[labels]
    shares: dict[str, Any] = {
        f"label_{position}": (Probability, Field(alias=label, title=label))
        for position, label in enumerate(labels)
    }
    probabilities: Any = create_model("Probabilities", **shares)
    metrics: Any = BinaryFileMetrics if contract.target.is_binary else FileMetrics
    id_values: dict[str, Any] = {
        f"id_{position}": (str | float | None, Field(alias=one.name, title=one.title or one.name))
        for position, one in enumerate(contract.ids)
    }
    any_ids: Any = create_model("Ids", **id_values)
    ids: dict[str, Any] = {"ids": (list[any_ids], ...)} if contract.ids else {}
    predict_response = create_model(
        "PredictResponse",
        model_lib_version=(str, Field(examples=[contract.model_version])),
        timestamp=datetime,
        predictions=list[any_label],
        probabilities=list[probabilities],
        **ids,
    )
    return predict_response, create_model(
        "FileResponse", __base__=predict_response, metrics=(metrics | MISSING, MISSING)
    )


def _join(chunks: Sequence[JsonChunk]) -> JsonChunk:
    """Return all labels and probabilities, with the time of the last."""
    timestamps, labels, scores = zip(*chunks, strict=True)
    return timestamps[-1], ",".join(labels), ",".join(scores)


def to_cell(text: str) -> str:
    """Return the text as a cell of CSV, quoted if necessary."""
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in '",\r\n') else text
