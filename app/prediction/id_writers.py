"""Predictions → the response body of a model with ids: every row has those that it came with."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from app.core.contract import Contract
from app.core.ids import Values
from app.prediction.prediction import Prediction
from app.prediction.responses import NO_EXTRAS, Cells, CsvWriter, Extras, JsonChunk, JsonWriter, to_cell


class JsonIdChunk(NamedTuple):
    """The texts of some rows, and of their ids."""

    rows: JsonChunk
    ids: str


class JsonIdWriter:
    """Adds `ids`, an object for each row, to the JSON of JsonWriter."""

    def __init__(self, contract: Contract) -> None:
        self._writer = JsonWriter(contract)
        self._names = [one.name for one in contract.ids]

    def write_chunk(
        self,
        prediction: Prediction,
        extras: Extras = NO_EXTRAS,
        kept: Cells = (),
        ids: Sequence[Values] = (),
    ) -> JsonIdChunk:
        objects = [json.dumps(dict(zip(self._names, values, strict=True))) for values in ids]
        return JsonIdChunk(self._writer.write_chunk(prediction, extras, kept), ",".join(objects))

    def write_body(self, chunks: Sequence[JsonIdChunk], extras: Extras = NO_EXTRAS) -> bytes:
        body = self._writer.write_body([chunk.rows for chunk in chunks], extras)
        ids = ",".join(chunk.ids for chunk in chunks)
        return b'%b,"ids":[%b]}' % (body[:-1], ids.encode())


class CsvIdWriter:
    """Puts the columns of the ids before those of CsvWriter."""

    def __init__(self, contract: Contract) -> None:
        self._writer = CsvWriter(contract)
        self._header = "".join(f"{to_cell(one.name)}," for one in contract.ids)

    def write_chunk(
        self,
        prediction: Prediction,
        extras: Extras = NO_EXTRAS,
        kept: Cells = (),
        ids: Sequence[Values] = (),
    ) -> str:
        """Return the lines of some rows."""
        lines = self._writer.write_lines(prediction, extras, kept)
        cells = ["".join(f"{_cell(value)}," for value in values) for values in ids]
        return "".join([row_ids + line for row_ids, line in zip(cells, lines, strict=True)])

    def write_body(self, chunks: Sequence[str], extras: Extras = NO_EXTRAS) -> bytes:
        """Return the header and the lines of the chunks."""
        return self._header.encode() + self._writer.write_body(chunks, extras)


def _cell(value: str | float | None) -> str:
    return "" if value is None else to_cell(str(value))
