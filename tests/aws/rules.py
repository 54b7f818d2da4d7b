"""A rule that cfn-lint and Checkov do not know, with changes of the template that it has to notice.

Checkov's custom policies were tried for the rules. A policy sees one resource, with the default parameters
and without the result of an !If, and it sees no other file: two thirds of the rules need more than that.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.aws.template import Template

Check = Callable[[Template], None]
Change = tuple[str, Any]

REMOVE = "REMOVE"


@dataclass(frozen=True)
class Rule:
    """A check of a template, which raises an AssertionError when the template breaks the rule."""

    template: str
    check: Check
    changes: tuple[Change, ...]

    def __str__(self) -> str:
        return self.check.__name__


RULES: list[Rule] = []


def rule(template: str, change: Change, *more: Change) -> Callable[[Check], Check]:
    """Register a check of a template in infra/, with changes of the template that break the rule.

    A change is the path of a value inside Resources, and the value that it gets, or REMOVE.
    """

    def register(check: Check) -> Check:
        RULES.append(Rule(template, check, (change, *more)))
        return check

    return register
