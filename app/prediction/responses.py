"""Predictions → the response body, as JSON or CSV; and the models that describe the JSON."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import MISSING, BaseModel, Field, create_model

from app.core.contract import Contract
from app.core.features import Matrix
from app.prediction.scoring import BinaryFileMetrics, FileMetrics

Probability = Annotated[float, Field(ge=0, le=1)]


class ResponseWriter:
    """Writes the response body. The contract fixes its shape, so only numbers are filled into a text."""

    def __init__(self, contract: Contract) -> None:
        labels = contract.target.labels
        self._labels = [json.dumps(label) for label in labels]
        numbers = (
            label.replace("%", "%%") + ":%.9g" for label in self._labels
        )  # 9 digits identify any float32
        self._row = "{" + ",".join(numbers) + "}"
        self._head = f'{{"model_lib_version":{json.dumps(contract.model_version)},"timestamp":"'
        self._cells = [_cell(label) for label in labels]
        self._line = ",".join(["%s", *("%.9g" for _ in labels)])
        self._header = ",".join(["prediction", *(_cell(f"probability {label}") for label in labels)])

    def json(
        self,
        positions: Sequence[int],
        probabilities: Matrix,
        metrics: FileMetrics | BinaryFileMetrics | None = None,
    ) -> bytes:
        """Return the JSON for label positions [N] and probabilities [N, labels]."""
        labels = self._labels
        predictions = ",".join([labels[position] for position in positions])
        scores = ",".join([self._row] * len(positions)) % tuple(probabilities.ravel().tolist())
        timestamp = datetime.now(UTC).isoformat()
        tail = "}" if metrics is None else f',"metrics":{json.dumps(metrics)}}}'
        answer = f'{timestamp}","predictions":[{predictions}],"probabilities":[{scores}]{tail}'
        return (self._head + answer).encode()

    def csv(self, positions: Sequence[int], probabilities: Matrix) -> bytes:
        """Return a header, and a line for each row: its label, and the probability of every label."""
        rows = zip(positions, probabilities.tolist(), strict=True)
        lines = [self._line % (self._cells[position], *shares) for position, shares in rows]
        return "\n".join([self._header, *lines, ""]).encode()


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
    predict_response = create_model(
        "PredictResponse",
        model_lib_version=(str, Field(examples=[contract.model_version])),
        timestamp=datetime,
        predictions=list[any_label],
        probabilities=list[probabilities],
    )
    return predict_response, create_model(
        "FileResponse", __base__=predict_response, metrics=(metrics | MISSING, MISSING)
    )


def _cell(text: str) -> str:
    """Return the text as a cell of CSV, quoted if necessary."""
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in '",\r\n') else text
