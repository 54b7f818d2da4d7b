"""What is wrong at a key of a spec."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

SIMILAR = 0.7
"""The least similarity of a name that may be meant: the share of letters that are equal."""
SHORT, SIMILAR_SHORT = 4, 0.6
"""Of a name of so many letters, one may differ that is a third of it: `url` for `uri`."""
SHORTEST = 3
"""Letters of a name that may be meant to be longer."""

KeyPath = tuple[str | int, ...]
"""The way to a value: keys of mappings, and positions or names of list items."""


class InvalidKey(NamedTuple):
    """What is wrong with the value of a key, or with the key itself, if `is_unknown`."""

    path: KeyPath
    sentence: str
    is_unknown: bool = False


class InvalidKeysError(ValueError):
    """Raised by a validator that knows more than one error; the paths begin at its own value."""

    def __init__(self, keys: Iterable[InvalidKey]) -> None:
        self.keys = tuple(keys)
        super().__init__("; ".join(key.sentence for key in self.keys))


def suggest(name: object, known: Iterable[str]) -> str:
    """Return ` (did you mean 'months'?)`; nothing if no known name is near."""
    if nearest := nearest_name(str(name), known):
        return f" (did you mean {nearest!r}?)"
    return ""


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like this one, or that holds it, in any case; None without one."""
    lower = name.lower()
    by_lower = {text.lower(): text for text in known}
    holding = [text for text in by_lower if len(lower) >= SHORTEST and lower in text]
    similar = SIMILAR if len(lower) > SHORT else SIMILAR_SHORT
    nearest = get_close_matches(lower, by_lower, 1, similar) or sorted(holding, key=len)
    return by_lower[nearest[0]] if nearest else None
