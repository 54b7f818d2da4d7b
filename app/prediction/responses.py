"""Predictions → the response body, as JSON or CSV; and the models that describe the JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, Protocol

from pydantic import MISSING, BaseModel, Field, create_model

from app.core.base_feature import Reason
from app.core.contract import Contract
from app.core.ids import Values
from app.core.printable import MOST_LISTED
from app.core.replacements import Replaced, names_of_replaceable
from app.prediction.prediction import Prediction
from app.prediction.scoring import BinaryFileMetrics, FileMetrics

Probability = Annotated[float, Field(ge=0, le=1)]


JsonChunk = tuple[str, str, str, str]
"""A timestamp, and the texts of labels, of probabilities and of what was kept of the rows."""


@dataclass(frozen=True)
class Extras:
    """What an answer holds beside predictions."""

    kept: tuple[str, ...] = ()
    """The names of the columns that are repeated."""
    ignored: tuple[str, ...] = ()
    """The names of the columns that were not read."""
    replaced: Replaced = field(default_factory=Replaced)
    """How many values were read as something else."""
    metrics: FileMetrics | BinaryFileMetrics | None = None


NO_EXTRAS = Extras()
Cells = Sequence[Sequence[str]]
"""[N, kept columns]"""


class Writer(Protocol):
    """Writes a body in chunks, so that other requests need not wait while a large one is written."""

    def write_chunk(
        self,
        prediction: Prediction,
        extras: Extras = NO_EXTRAS,
        kept: Cells = (),
        ids: Sequence[Values] = (),
    ) -> Any:
        """Return the texts of some rows, with the cells that are kept of each, and with its ids if any."""

    def write_body(self, chunks: Sequence[Any], extras: Extras = NO_EXTRAS) -> bytes:
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

    def write_chunk(
        self,
        prediction: Prediction,
        extras: Extras = NO_EXTRAS,
        kept: Cells = (),
        ids: Sequence[Values] = (),  # noqa: ARG002
    ) -> JsonChunk:
        labels, row = self._labels, self._row
        return (
            prediction.timestamp,
            ",".join([labels[position] for position in prediction.positions]),
            ",".join([row % tuple(numbers) for numbers in prediction.probabilities]),
            ",".join([_object(extras.kept, cells) for cells in kept]),
        )

    def write_body(self, chunks: Sequence[JsonChunk], extras: Extras = NO_EXTRAS) -> bytes:
        """Return the body with all rows of the chunks, of which there is at least one."""
        timestamp, labels, scores, kept = chunks[0] if len(chunks) == 1 else _join(chunks)
        tail = "}" if extras is NO_EXTRAS else _write_extras(extras, kept) + "}"
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

    def write_chunk(
        self,
        prediction: Prediction,
        extras: Extras = NO_EXTRAS,
        kept: Cells = (),
        ids: Sequence[Values] = (),  # noqa: ARG002
    ) -> str:
        """Return the lines of some rows."""
        return "".join(self.write_lines(prediction, extras, kept))

    def write_lines(self, prediction: Prediction, extras: Extras, kept: Cells) -> list[str]:
        """Return the lines of some rows; kept cells come first."""
        rows = zip(prediction.positions, prediction.probabilities, strict=True)
        lines = [self._line % (self._cells[position], *numbers) for position, numbers in rows]
        if extras.kept:
            return [_first_cells(cells) + line for cells, line in zip(kept, lines, strict=True)]
        return lines

    def write_body(self, chunks: Sequence[str], extras: Extras = NO_EXTRAS) -> bytes:
        """Return the header and the lines of the chunks."""
        return "".join([_first_cells(extras.kept), self._header, *chunks]).encode()


def response_models(contract: Contract) -> tuple[type[BaseModel], type[BaseModel]]:
    """Return the models of the JSON for rows and for a file, with the labels of the contract."""
    labels = contract.target.labels
    any_label: Any = Literal[labels]
    shares: dict[str, Any] = {
        f"label_{position}": (Probability, Field(alias=label, title=contract.target.titles.get(label, label)))
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
    counts = (
        dict[str, dict[Reason, int]] | MISSING,
        Field(MISSING, description="How many values of each feature were read as something else."),
    )
    replaced: dict[str, Any] = {"replaced": counts} if names_of_replaceable(contract.features) else {}
    predict_response = create_model(
        "PredictResponse",
        model_lib_version=(str, Field(examples=[contract.model_version])),
        timestamp=datetime,
        predictions=list[any_label],
        probabilities=list[probabilities],
        **ids,
        kept=(
            list[dict[str, str]] | MISSING,
            Field(MISSING, description="The cells of the columns that keep= names."),
        ),
        ignored_columns=(
            list[str] | MISSING,
            Field(MISSING, description="The first columns of CSV that the model does not read."),
        ),
        ignored_columns_count=(int | MISSING, Field(MISSING, description="How many such columns there are.")),
        **replaced,
    )
    return predict_response, create_model(
        "FileResponse", __base__=predict_response, metrics=(metrics | MISSING, MISSING)
    )


def _join(chunks: Sequence[JsonChunk]) -> JsonChunk:
    """Return all labels and probabilities, with the time of the last."""
    timestamps, labels, scores, kept = zip(*chunks, strict=True)
    return timestamps[-1], ",".join(labels), ",".join(scores), ",".join(kept)


def _object(names: Sequence[str], cells: Sequence[str]) -> str:
    return json.dumps(dict(zip(names, cells, strict=True)), ensure_ascii=False)


def _write_extras(extras: Extras, kept: str) -> str:
    """Return the members of the JSON after the predictions."""
    text = f',"kept":[{kept}]' if extras.kept else ""
    if extras.ignored:
        text += f',"ignored_columns":{json.dumps(extras.ignored[:MOST_LISTED], ensure_ascii=False)}'
        text += f',"ignored_columns_count":{len(extras.ignored)}'
    if extras.replaced:
        text += f',"replaced":{json.dumps(_group(extras.replaced), ensure_ascii=False)}'
    return text if extras.metrics is None else f'{text},"metrics":{json.dumps(extras.metrics)}'


def _group(replaced: Replaced) -> dict[str, dict[str, int]]:
    """Return the counts by feature, and then by reason."""
    groups: dict[str, dict[str, int]] = {}
    for (name, reason), count in replaced.items():
        groups.setdefault(name, {})[reason] = count
    return groups


def _first_cells(cells: Sequence[str]) -> str:
    """Return the first cells of a line of CSV."""
    return "".join([to_cell(cell) + "," for cell in cells])


def to_cell(text: str) -> str:
    """Return the text as a cell of CSV, quoted if necessary."""
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in '",\r\n') else text
