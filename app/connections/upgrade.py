"""Requests that ask for another protocol are answered in HTTP/1.1, as RFC 9110 7.8 allows.

The parser stops after the head of such a request and takes its body for the other protocol. So the connection
feeds the head to a new parser once more, without what asks for the upgrade.
"""

from collections.abc import Iterable, Iterator

Header = tuple[bytes, bytes]


def head_without_upgrade(start_line: bytes, headers: Iterable[Header]) -> bytes:
    """Return the head without `Upgrade`, and without `upgrade` among the options of `Connection`."""
    lines = [name + b": " + value for name, value in _without_upgrade(headers)]
    return b"\r\n".join([start_line, *lines, b"", b""])


def _without_upgrade(headers: Iterable[Header]) -> Iterator[Header]:
    for name, value in headers:
        if name == b"connection":
            options = [option.strip() for option in value.split(b",")]
            yield name, b", ".join(option for option in options if option.lower() != b"upgrade")
        elif name != b"upgrade":
            yield name, value
