"""How a converted model reads its columns, and the order of their categories."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from app.core.contract import Positions
from app.core.encoders import Encoder
from app.core.values import Matrix
from model_build.export.onnx import convert
from model_build.spec.estimator import Estimator
from model_build.spec.model_spec import ModelSpec
from model_build.spec.training import Training
from model_build.training.classifier import fit
from tests.support.bakes import rows_of

ORDERED = ["Gather", "Cast", "GatherElements", "Concat"]
TREES = ["TreeEnsembleClassifier"]


@pytest.fixture(scope="module")
def rows(tiny_spec: ModelSpec, tiny_data: Path) -> tuple[Matrix, Positions]:
    dataset = rows_of(tiny_spec, "real", tiny_data)
    return Encoder(tiny_spec.features)(dataset.rows), dataset.labels


def graph(spec: ModelSpec, rows: tuple[Matrix, Positions], name: str, **training: object) -> onnx.GraphProto:
    changes = {"estimator": Estimator(name=name), "training": Training.model_validate(training)}
    changed = spec.model_copy(update=changes)
    parameters = {"max_depth": 2, **changed.hyperparameters}
    return onnx.load_from_string(convert(fit(changed, parameters, *rows), "tiny", 4)).graph


@pytest.mark.parametrize(
    ("training", "nodes"),
    [
        ({}, TREES),
        ({"drop": ("years",)}, TREES),
        ({"category_order": "target_rate"}, ORDERED + TREES),
        ({"category_order": "target_rate", "drop": ("years",)}, ORDERED + TREES),
        ({"category_order": "target_rate", "drop": ("grade",)}, TREES),
        (
            {"category_order": "target_rate", "drop": ("years",), "clip": {"rate": {"high": 0.9}}},
            [*ORDERED, "Gather", "Max", "Min", *TREES],
        ),
    ],
    ids=["all", "drop", "order", "order and drop", "nothing to order", "order, drop and clip"],
)
def test_trees_have_as_few_nodes_before_them_as_possible(
    tiny_spec: ModelSpec, rows: tuple[Matrix, Positions], training: dict[str, object], nodes: list[str]
) -> None:
    converted = graph(tiny_spec, rows, "hist_gradient_boosting", **training)
    assert [node.op_type for node in converted.node][: len(nodes)] == nodes
    assert [dimension.dim_value for dimension in converted.input[0].type.tensor_type.shape.dim][1:] == [4]


def test_ranks_are_looked_up_in_one_table(tiny_spec: ModelSpec, rows: tuple[Matrix, Positions]) -> None:
    converted = graph(tiny_spec, rows, "decision_tree", category_order="target_rate")
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in converted.initializer}
    codes = rows[0][:, 2].astype(int)
    rates = [rows[1][codes == code].mean() for code in range(4)]
    assert tensors["coded"].tolist() == [2]
    assert tensors["ranks_of_codes"].tolist() == [[rank] for rank in np.argsort(np.argsort(rates))]
