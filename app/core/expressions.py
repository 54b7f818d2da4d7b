"""Expressions such as `weight / (height / 100) ** 2`: read by Python's parser, and computed with NumPy.

Nothing is ever evaluated by Python: only the nodes that `_Parser` knows become operations.
"""

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial, reduce
from typing import Any, Literal

import numpy as np

from app.core import operations
from app.core.instants import CALENDAR, days_between, read_instant
from app.core.operations import ARITHMETIC, COMPARISONS, EXACT, FUNCTIONS, Column, Operation

Kind = Literal["number", "boolean", "category", "datetime", "text"]
Columns = Mapping[str, Column]
"""What an expression may read, by name: numbers, codes of categories, seconds, 0 and 1; NaN is missing."""

LONGEST = 1000  # characters of an expression
MOST_TERMS = 200
DEEPEST = 40  # terms within terms
LISTED = 20  # names or categories in an error
LARGEST_CONSTANT = float(np.finfo(np.float32).max)

OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
SEVERAL = {"min": np.minimum, "max": np.maximum}
CALLS = {
    **dict.fromkeys(FUNCTIONS, "x"),
    **dict.fromkeys(SEVERAL, "x, y, …"),
    "clip": "x, low, high",
    "where": "condition, x, y",
    "is_missing": "x",
    **dict.fromkeys(CALENDAR, "date"),
    "days_between": "start, end",
}
"""The arguments of every function."""
ALLOWED = (
    "allowed are names of features, numbers, true, false, + - * / // % **, == != < <= > >=, in [..], and, "
    f"or, not, x if condition else y, and the functions {', '.join(CALLS)}"
)
_QUOTED = re.compile(r"""("[^"]*"|'[^']*')|`([^`]+)`|(#)""")
_FILLER = "\N{LATIN LETTER BILABIAL CLICK}"  # a letter that no name of a feature is likely to begin with


class ExpressionError(ValueError):
    """A sentence with the column of the expression and what is allowed."""


@dataclass(frozen=True)
class Term:
    """A part of an expression, or the whole."""

    kind: Kind
    compute: Callable[[Columns], Column]
    may_be_missing: bool = False
    levels: tuple[str, ...] = ()
    """The categories in the order of their codes."""
    text: str = ""
    """The constant itself, if it is text."""

    def __str__(self) -> str:
        return self.kind if self.kind == "text" else f"a {self.kind}"


def parse_expression(text: str, names: Mapping[str, Term]) -> Term:
    """Return the number or boolean that an expression computes from the terms with these names.

    Raises:
        ExpressionError: the expression has another form, reads an unknown name, or mixes kinds.
    """
    if len(text) > LONGEST:
        raise ExpressionError(f"has {len(text):,} characters; at most {LONGEST:,} are allowed")
    return _Parser(text, names).parse()


class _Parser:
    def __init__(self, text: str, names: Mapping[str, Term]) -> None:
        self._names = names
        self._quoted: dict[str, str] = {}
        self._source = _QUOTED.sub(self._hide_name, text.replace("\n", " ").rstrip())
        self._terms = 0
        self._reads = False
        self._readers: dict[type[ast.expr], Callable[[Any, int], Term]] = {
            ast.Constant: self._constant,
            ast.Name: self._name,
            ast.UnaryOp: self._sign,
            ast.BinOp: self._arithmetic,
            ast.BoolOp: self._logic,
            ast.Compare: self._compare,
            ast.IfExp: lambda node, depth: self._choose([node.test, node.body, node.orelse], depth),
            ast.Call: self._call,
        }

    def parse(self) -> Term:
        term = self._term(self._tree(), 0)
        if term.kind not in {"number", "boolean"}:
            raise ExpressionError(f"gives {term}; it must give a number, or true or false")
        if not self._reads:
            raise ExpressionError(f"reads no feature; {self._known_names()}")
        return term

    def _hide_name(self, match: re.Match[str]) -> str:
        """Put a name that Python's parser accepts, of the same length, in place of one in backquotes."""
        if match[3]:
            raise ExpressionError(f"column {match.start() + 1}: comments are not allowed")
        if match[1]:
            return match[1]
        number = str(len(self._quoted))
        name = _FILLER * max(1, len(match[0]) - len(number)) + number
        self._quoted[name] = match[2]
        return name

    def _tree(self) -> ast.expr:
        try:
            return ast.parse(self._source.lstrip(), mode="eval").body
        except SyntaxError as error:
            column = self._indent + error.offset if error.offset else len(self._source) + 1
            raise ExpressionError(f"column {column}: not an expression; {ALLOWED}") from error
        except (ValueError, RecursionError, MemoryError) as error:
            raise ExpressionError(f"can't be read as an expression; {ALLOWED}") from error

    @property
    def _indent(self) -> int:
        return len(self._source) - len(self._source.lstrip())

    def _error(self, node: ast.expr, message: str) -> ExpressionError:
        before = self._source.lstrip().encode()[: node.col_offset].decode(errors="ignore")
        return ExpressionError(f"column {len(before) + self._indent + 1}: {message}")

    def _known_names(self) -> str:
        listed = ", ".join([*self._names][:LISTED])
        more = len(self._names) - LISTED
        return f"the features are {listed}" + (f" and {more} more" if more > 0 else "")

    def _term(self, node: ast.expr, depth: int) -> Term:
        self._terms += 1
        if self._terms > MOST_TERMS or depth > DEEPEST:
            raise self._error(node, f"too long; at most {MOST_TERMS} terms in {DEEPEST} levels are allowed")
        read = self._readers.get(type(node))
        if read is None:
            raise self._error(node, f"not allowed here; {ALLOWED}")
        return read(node, depth)

    def _constant(self, node: ast.Constant, _depth: int) -> Term:
        match node.value:
            case bool(value):
                return _constant_term("boolean", float(value))
            case str(text):
                return Term("text", _never, text=text)
            case int() | float():
                if abs(node.value) <= LARGEST_CONSTANT:
                    return _constant_term("number", float(node.value))
                raise self._error(node, "the number is too large")
            case None:
                raise self._error(node, "None is not allowed; is_missing(x) is true for a missing value")
        raise self._error(node, f"not allowed here; {ALLOWED}")

    def _name(self, node: ast.Name, _depth: int) -> Term:
        name = self._quoted.get(node.id, node.id)
        if name in self._names:
            self._reads = True
            return self._names[name]
        if name in {"true", "false"}:
            return _constant_term("boolean", float(name == "true"))
        if name in CALLS:
            raise self._error(node, f"{name} is a function: {name}({CALLS[name]})")
        raise self._error(node, f"unknown name {name!r}{_nearest(name, self._names)}; {self._known_names()}")

    def _sign(self, node: ast.UnaryOp, depth: int) -> Term:
        if isinstance(node.op, ast.Invert):
            raise self._error(node, f"~ is not allowed; {ALLOWED}")
        if isinstance(node.op, ast.Not):
            operand = self._expect(node.operand, depth, "boolean")
            return _combine(operations.negate, [operand], "boolean")
        operand = self._expect(node.operand, depth, "number")
        return _combine(np.negative, [operand]) if isinstance(node.op, ast.USub) else operand

    def _arithmetic(self, node: ast.BinOp, depth: int) -> Term:
        operator = OPERATORS.get(type(node.op))
        if operator is None:
            raise self._error(node, f"this operator is not allowed; {ALLOWED}")
        return _apply(ARITHMETIC, operator, self._all_of([node.left, node.right], depth, "number"))

    def _logic(self, node: ast.BoolOp, depth: int) -> Term:
        operation = operations.both if isinstance(node.op, ast.And) else operations.either
        return _fold(operation, self._all_of(node.values, depth, "boolean"), "boolean")

    def _all_of(self, nodes: Sequence[ast.expr], depth: int, kind: Kind) -> list[Term]:
        return [self._expect(node, depth, kind) for node in nodes]

    def _expect(self, node: ast.expr, depth: int, kind: Kind) -> Term:
        """Return the term if it is of the kind; a boolean counts as the number 0 or 1."""
        term = self._term(node, depth + 1)
        if term.kind == kind or (kind, term.kind) == ("number", "boolean"):
            return term
        remedy = ' (compare it, as in a == "b")' if term.kind in {"category", "text"} else ""
        remedy = " (compare it, as in a > 0)" if (kind, term.kind) == ("boolean", "number") else remedy
        remedy = " (use days_between or one of its parts)" if term.kind == "datetime" else remedy
        raise self._error(node, f"must be a {kind}, not {term}{remedy}")

    def _compare(self, node: ast.Compare, depth: int) -> Term:
        pairs = []
        for left, operator, right in zip(
            [node.left, *node.comparators], node.ops, node.comparators, strict=False
        ):
            if isinstance(operator, ast.In | ast.NotIn):
                pairs.append(self._membership(left, right, depth, is_in=isinstance(operator, ast.In)))
            elif type(operator) in OPERATORS:
                pairs.append(self._comparison(left, OPERATORS[type(operator)], right, depth))
            else:
                raise self._error(node, f"'is' is not allowed; {ALLOWED}")
        return _fold(operations.both, pairs, "boolean")

    def _comparison(self, left: ast.expr, operator: str, right: ast.expr, depth: int) -> Term:
        first, second = self._term(left, depth + 1), self._term(right, depth + 1)
        if first.kind == "text":
            first, second, left, right = second, first, right, left
        if first.kind == "category":
            if operator not in {"==", "!="}:
                raise self._error(left, f"a category can't be compared by {operator}; use ==, != or in [..]")
            if second.kind != "text":
                raise self._error(right, "a category can only be compared with text in quotes")
            second = _constant_term("number", self._code(right, first, second))
        elif first.kind == "datetime":
            second = self._instant(right, second)
        for node, term in ((left, first), (right, second)):
            if term.kind == "text":
                raise self._error(node, f"text {term.text!r} can only be compared with a category or a date")
        if second.kind == "datetime" != first.kind:
            raise self._error(left, f"{first} can't be compared with a datetime")
        return _combine(COMPARISONS[operator], [first, second], "boolean")

    def _instant(self, node: ast.expr, term: Term) -> Term:
        seconds = read_instant(term.text) if term.kind == "text" else None
        if term.kind == "datetime":
            return term
        if seconds is None:
            raise self._error(node, 'a datetime can only be compared with another, or with "2024-05-06"')
        return _constant_term("datetime", seconds)

    def _membership(self, left: ast.expr, right: ast.expr, depth: int, *, is_in: bool) -> Term:
        if not isinstance(right, ast.List | ast.Tuple) or not right.elts:
            raise self._error(right, 'must be a list, as in a in ["b", "c"]')
        term = self._term(left, depth + 1)
        if term.kind in {"text", "datetime"}:
            raise self._error(left, f"must be a category or a number, not {term}")
        codes = [self._element(element, term, depth) for element in right.elts]
        one_of = _combine(partial(operations.is_one_of, values=codes), [term], "boolean")
        return one_of if is_in else _combine(operations.negate, [one_of], "boolean")

    def _element(self, node: ast.expr, term: Term, depth: int) -> float:
        element = self._term(node, depth + 1)
        if term.kind == "category" and element.kind == "text":
            return self._code(node, term, element)
        if not isinstance(node, ast.Constant | ast.UnaryOp) or element.kind != term.kind:
            allowed = "text in quotes" if term.kind == "category" else f"a {term.kind}"
            raise self._error(node, f"must be {allowed}")
        return float(element.compute({}))

    def _code(self, node: ast.expr, category: Term, constant: Term) -> float:
        if constant.text in category.levels:
            return float(category.levels.index(constant.text))
        listed = ", ".join(category.levels[:LISTED])
        more = len(category.levels) - LISTED
        raise self._error(
            node,
            f"{constant.text!r} is not a category{_nearest(constant.text, category.levels)}; the categories "
            f"are {listed}" + (f" and {more} more" if more > 0 else ""),
        )

    def _choose(self, nodes: Sequence[ast.expr], depth: int) -> Term:
        condition = self._expect(nodes[0], depth, "boolean")
        results = self._all_of(nodes[1:], depth, "number")
        is_boolean = all(result.kind == "boolean" for result in results)
        return _combine(operations.choose, [condition, *results], "boolean" if is_boolean else "number")

    def _call(self, node: ast.Call, depth: int) -> Term:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in CALLS:
            raise self._error(node, f"there is no such function{_nearest(name, CALLS)}; {ALLOWED}")
        expected, count = CALLS[name].split(", "), len(node.args)
        if node.keywords or (count != len(expected) and not (name in SEVERAL and count > 1)):
            raise self._error(node, f"must be {name}({CALLS[name]})")
        if name == "where":
            return self._choose(node.args, depth)
        if name == "is_missing":
            term = self._term(node.args[0], depth + 1)
            return Term("boolean", lambda columns: operations.is_missing(term.compute(columns)))
        if name in CALENDAR or name == "days_between":
            operation = CALENDAR[name][0] if name in CALENDAR else days_between
            return _combine(operation, self._all_of(node.args, depth, "datetime"))
        arguments = self._all_of(node.args, depth, "number")
        if name in SEVERAL:
            return _fold(SEVERAL[name], arguments)
        return _combine(operations.clip, arguments) if name == "clip" else _apply(FUNCTIONS, name, arguments)


def _never(_columns: Columns) -> Column:
    raise AssertionError("text is only compared, and the parser has replaced it by a code")


def _constant_term(kind: Kind, value: float) -> Term:
    constant = np.array(value)
    return Term(kind, lambda _: constant)


def _apply(table: Mapping[str, Operation], name: str, arguments: Sequence[Term]) -> Term:
    return _combine(table[name], arguments, may_be_missing=name not in EXACT)


def _combine(
    operation: Operation, arguments: Sequence[Term], kind: Kind = "number", *, may_be_missing: bool = False
) -> Term:
    computes = [argument.compute for argument in arguments]
    may_be_missing = may_be_missing or any(argument.may_be_missing for argument in arguments)
    return Term(kind, lambda columns: operation(*[compute(columns) for compute in computes]), may_be_missing)


def _fold(operation: Operation, arguments: Sequence[Term], kind: Kind = "number") -> Term:
    return reduce(lambda left, right: _combine(operation, [left, right], kind), arguments)


def _nearest(name: str, names: Mapping[str, object] | Sequence[str]) -> str:
    nearest = get_close_matches(name, names, 1) or [known for known in names if known.lower() == name.lower()]
    return f" (did you mean {nearest[0]!r}?)" if nearest else ""
