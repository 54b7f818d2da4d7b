"""The columns of the matrix that a converted model reads, and the order of their categories."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, TensorProto, helper, numpy_helper

from app.core.features import Matrix
from app.core.model import INPUT
from model_build.export import trees
from model_build.training.target_order import TargetOrder

READ = "read"  # the columns of the input that the model reads
ORDERED = "ordered"  # all columns of the input, and after them the ranks of the ordered categories


def read_columns(model: ModelProto, columns: Sequence[int], width: int) -> None:
    """Let a model of these columns take a matrix [N, width] of all columns.

    Trees get the new position of each column; for any other first step, the columns are gathered.
    """
    graph = model.graph
    graph.input[0].type.tensor_type.shape.dim[1].dim_value = width
    if list(columns) == list(range(width)):
        return
    readers = [node for node in graph.node if INPUT in node.input]
    if [node.op_type for node in readers] == [trees.ENSEMBLE]:
        trees.read_columns(readers[0], columns)
        return
    _rename_input(model, READ)
    graph.initializer.append(numpy_helper.from_array(np.array(columns, np.int64), "columns"))
    graph.node.insert(0, helper.make_node("Gather", [INPUT, "columns"], [READ], axis=1))


def read_ordered_columns(model: ModelProto, columns: Sequence[int], width: int, order: TargetOrder) -> None:
    """Let a model of these columns, with ranks for the codes of some, take a matrix [N, width] of codes.

    The ranks are looked up in one table and appended to the matrix, because this takes the fewest nodes.
    """
    coded = list(order.ranks_)
    positions = list(columns)
    for number, column in enumerate(coded):
        positions[column] = width + number
    read_columns(model, positions, width + len(coded))
    _rename_input(model, ORDERED)
    graph = model.graph
    graph.input[0].type.tensor_type.shape.dim[1].dim_value = width
    tensors: dict[str, npt.NDArray[Any]] = {
        "coded": np.array([columns[column] for column in coded], np.int64),
        "ranks_of_codes": _table(list(order.ranks_.values())),
    }
    graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in tensors.items())
    nodes = [
        helper.make_node("Gather", [INPUT, "coded"], ["codes"], axis=1),
        helper.make_node("Cast", ["codes"], ["rows_of_table"], to=TensorProto.INT64),
        helper.make_node("GatherElements", ["ranks_of_codes", "rows_of_table"], ["ranks"], axis=0),
        helper.make_node("Concat", [INPUT, "ranks"], [ORDERED], axis=1),
    ]
    for position, node in enumerate(nodes):
        graph.node.insert(position, node)


def _table(ranks: Sequence[Matrix]) -> Matrix:
    """Return the ranks [codes, columns]; a column with fewer codes is filled up with 0."""
    table = np.zeros((max(map(len, ranks)), len(ranks)), np.float32)
    for column, values in enumerate(ranks):
        table[: len(values), column] = values
    return table


def _rename_input(model: ModelProto, name: str) -> None:
    """Let every node that reads the input of the graph read the tensor `name`."""
    for node in model.graph.node:
        node.input[:] = [name if tensor == INPUT else tensor for tensor in node.input]
