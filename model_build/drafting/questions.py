"""What only a person knows about a table: asked at a terminal, otherwise guessed."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from rich.prompt import Prompt

from model_build.drafting.cells import Cells
from model_build.drafting.columns import DraftColumn
from model_build.drafting.target import DraftTarget, draft_target, find_target, guess_target
from model_build.errors import DataError
from model_build.spec.invalid_key import suggest
from model_build.text import format_percent, join_first, pluralize

PROTECTED = re.compile(r"(?i)^(sex|gender|race|ethnic\w*|religion|nationality|disab\w*|age.?(cat|group)\w*)$")
"""Names of features by which a model must not treat people differently."""

Answer = TypeVar("Answer")
Ask = Callable[[str, str], str]
"""Takes a question and the answer that is guessed, and returns the answer."""


def ask_at_terminal(question: str, guess: str) -> str:
    return Prompt.ask(question, default=guess)


def take_guess(_question: str, guess: str) -> str:
    return guess


def choose_target(columns: Mapping[str, Cells], name: str | None, ask: Ask) -> DraftTarget:
    """Return the target; raise DataError if the column can't be one."""
    if name is None:
        question, guess = "Which column is to be predicted?", guess_target(columns)
        target = _ask_until_right(ask, question, guess, lambda answer: _draft_target(columns, answer))
    else:
        target = _draft_target(columns, name)
    if target.positive is None:
        return target
    question = f"Which label of {target.name} is the positive one: {' or '.join(target.labels)}?"
    draft = partial(draft_target, target.name, columns[target.name])
    return _ask_until_right(ask, question, target.positive, draft)


def _draft_target(columns: Mapping[str, Cells], name: str) -> DraftTarget:
    name = find_target(columns, name)
    return draft_target(name, columns[name])


def _ask_until_right(ask: Ask, question: str, guess: str, read: Callable[[str], Answer]) -> Answer:
    """Ask again after an answer that can't be; raise DataError if that was the guess."""
    while True:
        answer = ask(question, guess)
        try:
            return read(answer)
        except DataError as error:
            if answer == guess:
                raise
            question = f"{error} Which one?"


def choose_protected(
    features: Sequence[DraftColumn], columns: Mapping[str, Cells], ask: Ask
) -> dict[str, str]:
    """Return the protected features, each with its most frequent level as the reference group."""
    levels = {feature.name: feature.levels for feature in features if feature.levels}
    guess = [name for name in levels if PROTECTED.fullmatch(name)]
    question = "Which features are protected (sex, race, …)? Names with commas, or -"
    names = _ask_until_right(ask, question, ", ".join(guess) or "-", partial(_read_names, levels))
    return {name: _largest_group(levels[name], columns[name]) for name in names}


def _read_names(known: Iterable[str], answer: str) -> list[str]:
    """Return the names in an answer; raise DataError for one that is not known."""
    names = [name.strip() for name in answer.split(",")] if answer.strip() not in {"", "-"} else []
    for name in names:
        if name not in known:
            allowed = ", ".join(known) or "none"
            raise DataError(f"{name} is no category or boolean{suggest(name, known)}; there are {allowed}.")
    return names


def describe_guesses(target: DraftTarget, protected: Mapping[str, str]) -> list[str]:
    """Return a sentence for each guess."""
    positive = f", positive is {target.positive} ({format_percent(target.share)})" if target.positive else ""
    guesses = [f"target: {target.name}, labels {', '.join(target.labels)}{positive}"]
    for label, rare in target.merge.items():
        guesses.append(f"labels with few rows that are read as {label}: {join_first(rare, len(rare))}")
    if target.missing:
        guesses.append(f"{pluralize(target.missing, 'row')} without one of the labels are left out")
    if protected:
        guesses.append(f"protected features: {', '.join(protected)}")
    return guesses


def _largest_group(levels: Sequence[str], cells: Cells) -> str:
    return max(levels, key=lambda level: sum(n for text, n in cells.counts.items() if _is_level(text, level)))


def _is_level(text: str, level: str) -> bool:
    return text == level or (level == "true" and text.lower() in {"yes", "1", "true"})
