"""Names that a client sent, and lists of many names, as a message may show them."""

import re
from collections.abc import Sequence

MAX_NAME_LENGTH = 64
MOST_LISTED = 20

_UNPRINTABLE = re.compile(r"[^\w .:/#()-]")


def clean_name(name: str) -> str:
    """Return a name, cut and cleaned: a client may send any text."""
    return _UNPRINTABLE.sub("_", name[:MAX_NAME_LENGTH])


def list_some(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    listed = ", ".join(names[:MOST_LISTED])
    return listed if len(names) <= MOST_LISTED else f"{listed} and {len(names) - MOST_LISTED} more"
