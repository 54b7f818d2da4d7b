"""What only a person knows about a table: asked at a terminal, otherwise guessed."""

import re
from collections.abc import Callable, Mapping, Sequence

from rich.prompt import Prompt

from model_build.drafting.cells import Cells
from model_build.drafting.columns import DraftColumn
from model_build.drafting.target import DraftTarget, draft_target, find_target, guess_target
from model_build.text import format_percent

PROTECTED = re.compile(r"(?i)^(sex|gender|race|ethnic\w*|religion|nationality|disab\w*|age.?(cat|group)\w*)$")
"""Names of features by which a model must not treat people differently."""

Ask = Callable[[str, str], str]
"""Takes a question and the answer that is guessed, and returns the answer."""


def ask_at_terminal(question: str, guess: str) -> str:
    return Prompt.ask(question, default=guess)


def take_guess(_question: str, guess: str) -> str:
    return guess


def choose_target(columns: Mapping[str, Cells], name: str | None, ask: Ask) -> DraftTarget:
    """Return the target; raise DataError if the column can't be one."""
    name = find_target(
        columns, ask("Which column is to be predicted?", guess_target(columns)) if name is None else name
    )
    target = draft_target(name, columns[name])
    if target.positive is None:
        return target
    question = f"Which label of {name} is the positive one: {' or '.join(target.labels)}?"
    return draft_target(name, columns[name], ask(question, target.positive))


def choose_protected(
    features: Sequence[DraftColumn], columns: Mapping[str, Cells], ask: Ask
) -> dict[str, str]:
    """Return the protected features, each with its most frequent level as the reference group."""
    levels = {feature.name: feature.levels for feature in features if feature.levels}
    guess = [name for name in levels if PROTECTED.fullmatch(name)]
    answer = ask(
        "Which features are protected (sex, race, …)? Names with commas, or -", ", ".join(guess) or "-"
    )
    names = [name.strip() for name in answer.split(",")]
    return {name: _largest_group(levels[name], columns[name]) for name in names if name in levels}


def describe_guesses(target: DraftTarget, protected: Mapping[str, str]) -> list[str]:
    """Return a sentence for each guess."""
    positive = f", positive is {target.positive} ({format_percent(target.share)})" if target.positive else ""
    guesses = [f"target: {target.name}, labels {', '.join(target.labels)}{positive}"]
    if protected:
        guesses.append(f"protected features: {', '.join(protected)}")
    return guesses


def _largest_group(levels: Sequence[str], cells: Cells) -> str:
    return max(levels, key=lambda level: sum(n for text, n in cells.counts.items() if _is_level(text, level)))


def _is_level(text: str, level: str) -> bool:
    return text == level or (level == "true" and text.lower() in {"yes", "1", "true"})
