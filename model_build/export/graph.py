"""Changes to the graph of a converted model that do not depend on its estimator."""

from onnx import ModelProto, TensorProto, helper

from app.core.model import LABELS, PROBABILITIES


def output_only(model: ModelProto, tensor: str, element_type: int, count: int) -> None:
    """Let the model output this tensor [N, count] only, and compute nothing that does not lead to it."""
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(tensor, element_type, [None, count]))
    needed = {tensor}
    for node in reversed(list(model.graph.node)):  # in topological order
        if needed & set(node.output):
            needed |= set(node.input)
        else:
            model.graph.node.remove(node)


def raise_to_zero(model: ModelProto) -> None:
    """Output 0 for a probability below it: 1 minus a sum of shares may be -7e-16."""
    for node in model.graph.node:
        node.output[:] = ["shares" if name == PROBABILITIES else name for name in node.output]
        node.input[:] = ["shares" if name == PROBABILITIES else name for name in node.input]
    model.graph.node.append(helper.make_node("Relu", ["shares"], [PROBABILITIES]))


def label_by_position(model: ModelProto) -> None:
    """Output the position of the likeliest label in place of its text."""
    for node in model.graph.node:
        node.output[:] = [f"text_{name}" if name == LABELS else name for name in node.output]
        node.input[:] = [f"text_{name}" if name == LABELS else name for name in node.input]
    model.graph.node.append(helper.make_node("ArgMax", [PROBABILITIES], [LABELS], axis=1, keepdims=0))
    labels = next(output for output in model.graph.output if output.name == LABELS)
    labels.CopyFrom(helper.make_tensor_value_info(LABELS, TensorProto.INT64, [None]))
