"""The columns of the matrix that a converted model reads, and the order of their categories."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from app.core.model import INPUT
from app.core.values import Matrix
from model_build.export import trees

READ = "read"  # the columns of the input that the model reads
LONGEST_SHORT_TABLE = 1024  # codes
ORDERED = "ordered"  # all columns of the input, and after them what the tables have for codes


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


def read_tables(model: ModelProto, columns: Sequence[int], width: int, tables: Mapping[int, Matrix]) -> None:
    """Let a model of these columns, with numbers of tables for the codes of some, take [N, width] of codes.

    The numbers are appended to the matrix. Short tables are one table, because this takes the fewest nodes;
    a long one stands alone, because the others would be filled up to its length.
    """
    short = [column for column, table in tables.items() if len(table) <= LONGEST_SHORT_TABLE]
    groups = [short] if short else []
    groups += [[column] for column in tables if column not in short]
    positions = list(columns)
    for number, column in enumerate(column for group in groups for column in group):
        positions[column] = width + number
    read_columns(model, positions, width + len(tables))
    _rename_input(model, ORDERED)
    graph = model.graph
    graph.input[0].type.tensor_type.shape.dim[1].dim_value = width
    nodes = []
    ranks = []
    for number, group in enumerate(groups):
        suffix = "" if number == 0 else f"_{number}"
        tensors: dict[str, npt.NDArray[Any]] = {
            f"coded{suffix}": np.array([columns[column] for column in group], np.int64),
            f"ranks_of_codes{suffix}": _table([tables[column] for column in group]),
        }
        graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in tensors.items())
        ranks.append(f"ranks{suffix}")
        nodes += _look_up(suffix)
    nodes.append(helper.make_node("Concat", [INPUT, *ranks], [ORDERED], axis=1))
    for position, node in enumerate(nodes):
        graph.node.insert(position, node)


def _look_up(suffix: str) -> list[NodeProto]:
    """Return the nodes that look up the codes of a group of columns in its table."""
    codes, rows, ranks = (f"{name}{suffix}" for name in ("codes", "rows_of_table", "ranks"))
    return [
        helper.make_node("Gather", [INPUT, f"coded{suffix}"], [codes], axis=1),
        helper.make_node("Cast", [codes], [rows], to=TensorProto.INT64),
        helper.make_node("GatherElements", [f"ranks_of_codes{suffix}", rows], [ranks], axis=0),
    ]


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
