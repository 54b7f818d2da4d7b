"""Changes to the graph of a converted model that do not depend on its estimator."""

from onnx import ModelProto, helper


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
