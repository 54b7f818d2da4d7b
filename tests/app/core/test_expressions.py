"""What an expression computes, and what is said of one that is wrong."""

import math
from functools import partial

import numpy as np
import pytest

from app.core.expressions import LONGEST, Columns, ExpressionError, Kind, Term, parse_expression
from app.core.operations import Column

NAN = math.nan
VALUES = {
    "weight": np.array([80.0, 60.0, NAN]),
    "height": np.array([200.0, 0.0, 160.0]),
    "smokes": np.array([1.0, 0.0, NAN]),
    "plan": np.array([0.0, 2.0, NAN]),
    "time-to-pay": np.array([1.0, 2.0, 3.0]),
}
NAMES = "the features are weight, height, smokes, plan, time-to-pay"


def _read(name: str, columns: Columns) -> Column:
    return columns[name]


def term(name: str, kind: Kind, *levels: str) -> Term:
    return Term(kind, partial(_read, name), name != "height", levels)


TERMS = {
    "weight": term("weight", "number"),
    "height": term("height", "number"),
    "smokes": term("smokes", "boolean"),
    "plan": term("plan", "category", "basic", "plus", "pro"),
    "time-to-pay": term("time-to-pay", "number"),
}


def compute(expression: str) -> list[float]:
    with np.errstate(all="ignore"):
        return [*map(float, np.broadcast_to(parse_expression(expression, TERMS).compute(VALUES), 3))]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("weight / (height / 100) ** 2", [20, NAN, NAN]),
        ("weight + height - 1", [279, 59, NAN]),
        ("-weight * 2", [-160, -120, NAN]),
        ("height // 150", [1, 0, 1]),
        ("height % 150", [50, 0, 10]),
        ("log1p(height - 200)", [0, NAN, NAN]),
        ("log(height)", [math.log(200), NAN, math.log(160)]),
        ("log10(height * 5)", [3, NAN, math.log10(800)]),
        ("sqrt(height * 2)", [20, 0, math.sqrt(320)]),
        ("exp(height * 5)", [NAN, 1, NAN]),
        ("abs(-weight)", [80, 60, NAN]),
        ("floor(weight / 7) + ceil(weight / 7) + round(weight / 7)", [11 + 12 + 11, 8 + 9 + 9, NAN]),
        ("min(weight, height)", [80, 0, NAN]),
        ("max(height, 100, 170)", [200, 170, 170]),
        ("clip(height, 50, 180)", [180, 50, 160]),
        ("weight > 70", [1, 0, NAN]),
        ("60 <= weight < 80", [0, 1, NAN]),
        ("weight == 80", [1, 0, NAN]),
        ("weight != 80", [0, 1, NAN]),
        ('plan == "basic"', [1, 0, NAN]),
        ('"basic" != plan', [0, 1, NAN]),
        ('plan in ["plus", "pro"]', [0, 1, NAN]),
        ('plan not in ("plus", "pro")', [1, 0, NAN]),
        ("height in [160, -1, 0]", [0, 1, 1]),
        ("smokes and height > 100", [1, 0, NAN]),
        ("smokes and height > 180", [1, 0, 0]),
        ("smokes or height > 180", [1, 0, NAN]),
        ("smokes or height > 100", [1, 0, 1]),
        ("not smokes", [0, 1, NAN]),
        ("smokes == true", [1, 0, NAN]),
        ("smokes == False", [0, 1, NAN]),
        ("smokes * 2 + (height > 100)", [3, 0, NAN]),
        ("where(smokes, weight, height)", [80, 0, NAN]),
        ("weight if height > 180 else 7", [80, 7, 7]),
        ("where(is_missing(weight), 7, weight)", [80, 60, 7]),
        ("is_missing(plan)", [0, 0, 1]),
        ("`time-to-pay` * weight", [80, 120, NAN]),
        ("1 / (1 / height)", [200, NAN, 160]),
        ("  weight\n  + 1\n", [81, 61, NAN]),
    ],
)
def test_expression_is_computed(expression: str, expected: list[float]) -> None:
    np.testing.assert_allclose(compute(expression), expected)


@pytest.mark.parametrize(
    ("expression", "kind", "may_be_missing"),
    [
        ("height + 1", "number", False),
        ("height * 2", "number", True),
        ("weight + 1", "number", True),
        ("height > 3", "boolean", False),
        ("weight > 3", "boolean", True),
        ("is_missing(weight)", "boolean", False),
        ("where(height > 3, height > 4, true)", "boolean", False),
        ("where(height > 3, height > 4, 2)", "number", False),
        ("clip(abs(height), 0, 9)", "number", False),
    ],
)
def test_expression_says_whether_it_may_be_missing(expression: str, kind: str, may_be_missing: bool) -> None:
    parsed = parse_expression(expression, TERMS)
    assert (parsed.kind, parsed.may_be_missing) == (kind, may_be_missing)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("2 * wieght", f"column 5: unknown name 'wieght' (did you mean 'weight'?); {NAMES}"),
        ("Weight", f"column 1: unknown name 'Weight' (did you mean 'weight'?); {NAMES}"),
        ("`ti`+`xyz`", f"column 1: unknown name 'ti'; {NAMES}"),
        ("1 + 1", f"reads no feature; {NAMES}"),
        (
            'plan == "Pro"',
            "column 9: 'Pro' is not a category (did you mean 'pro'?); the categories are basic, plus, pro",
        ),
        ('plan in ["free"]', "column 10: 'free' is not a category; the categories are basic, plus, pro"),
        ("plan in [1]", "column 10: must be text in quotes"),
        ("plan in []", 'column 9: must be a list, as in a in ["b", "c"]'),
        ("weight in [height]", "column 12: must be a number"),
        ("plan", "gives a category; it must give a number, or true or false"),
        ('"pro"', "gives text; it must give a number, or true or false"),
        ("plan + 1", 'column 1: must be a number, not a category (compare it, as in a == "b")'),
        ("plan > 'pro'", "column 1: a category can't be compared by >; use ==, != or in [..]"),
        ("plan == weight", "column 9: a category can only be compared with text in quotes"),
        ("weight == 'x'", "column 11: text 'x' can only be compared with a category or a date"),
        ("'x' == 'y'", "column 8: text 'y' can only be compared with a category or a date"),
        ("'x' in ['y']", "column 1: must be a category or a number, not text"),
        ("weight and smokes", "column 1: must be a boolean, not a number (compare it, as in a > 0)"),
        (
            "weight if plan else 1",
            'column 11: must be a boolean, not a category (compare it, as in a == "b")',
        ),
        ("exp(weight, 2)", "column 1: must be exp(x)"),
        ("clip(weight, high=3)", "column 1: must be clip(x, low, high)"),
        ("min(weight)", "column 1: must be min(x, y, …)"),
        ("exp + weight", "column 1: exp is a function: exp(x)"),
        ("weight == None", "column 11: None is not allowed; is_missing(x) is true for a missing value"),
        ("1e999 * weight", "column 1: the number is too large"),
        ("weight # half", "column 8: comments are not allowed"),
        ("weight+" * 120 + "1", "column 1: too long; at most 200 terms in 40 levels are allowed"),
        ("-" * 50 + "weight", "column 42: too long; at most 200 terms in 40 levels are allowed"),
        ("1" * (LONGEST + 1), "has 1,001 characters; at most 1,000 are allowed"),
    ],
)
def test_error_names_the_column_and_what_is_allowed(expression: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_expression(expression, TERMS)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("expression", "beginning"),
    [
        ("exq(weight)", "column 1: there is no such function (did you mean 'exp'?); allowed are names"),
        ("weight +", "column 9: not an expression; allowed are names of features, numbers, true, false,"),
        ("  weight weight", "column 10: not an expression; allowed are names"),
        ("weight & 1", "column 1: this operator is not allowed; allowed are names"),
        ("~smokes", "column 1: ~ is not allowed; allowed are names"),
        ("weight is smokes", "column 1: 'is' is not allowed; allowed are names"),
        ("1j * weight", "column 1: not allowed here; allowed are names"),
        ("b'x' == plan", "column 1: not allowed here; allowed are names"),
    ],
)
def test_error_lists_the_language(expression: str, beginning: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_expression(expression, TERMS)
    assert str(caught.value).startswith(beginning)


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('true')",
        "weight.__class__",
        "weight[0]",
        "[weight for weight in height]",
        "lambda: weight",
        "(x := weight)",
        "f'{weight}'",
        "{weight: 1}",
        "*weight,",
        "print(weight)",
        "yield weight",
        "await weight",
        "weight; height",
        "9" * 999 + "+ weight",
        "[" * 500,
        "\0",
        "weight \ud800",
        "not " * 200 + "smokes",
    ],
)
def test_what_is_not_in_the_language_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError):
        parse_expression(expression, TERMS)


def test_a_tower_of_powers_costs_nothing() -> None:
    assert compute("weight * 9 ** 9 ** 9 ** 9 ** 9") == pytest.approx([NAN] * 3, nan_ok=True)
