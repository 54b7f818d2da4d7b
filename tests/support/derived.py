"""The tiny model with derived features."""

from tests.support.tiny import TINY

EXPRESSIONS = {
    "cost": "years * rate / 100",
    "log_cost": "log1p(cost)",
    "dear": 'cost > 0.4 and grade in ["B", "C"]',
    "no_rate": "is_missing(rate)",
    "safety": 'where(secured, 2, 1) * (3 if grade == "A" else 1)',
}


def derive(spec: str = TINY) -> str:
    """Return the spec with the expressions as derived features."""
    derived = "".join(f"  - {{name: {name}, expression: '{text}'}}\n" for name, text in EXPRESSIONS.items())
    return f"{spec}derived:\n{derived}"
