"""How the weights of rows are distributed, for the report."""

from model_build.artifacts import WeightReport
from model_build.data.carried import Numbers


def summarize_weights(column: str | None, weights: Numbers | None) -> WeightReport | None:
    """Return the report of the weights [N] of rows; None if the rows count equally."""
    if column is None or weights is None:
        return None
    return WeightReport(
        column=column,
        minimum=float(weights.min()),
        maximum=float(weights.max()),
        effective_rows=float(weights.sum() ** 2 / (weights**2).sum()),
    )
