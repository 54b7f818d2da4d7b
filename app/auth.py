"""API keys: python -m app.auth new NAME makes one.

A service knows a key by its name and its SHA-256, so that its settings hold no key. The standard library is
enough for that, so the command runs wherever there is Python.
"""

import argparse
import hashlib
import re
import secrets
import sys

PREFIX = "cma_"
"""What a key begins with, so that a scanner for secrets recognizes one."""

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
PAIR = re.compile(rf"({NAME.pattern}):([0-9a-fA-F]{{64}})")

INSTRUCTIONS = """\
API_KEY is for the client; it is shown this once. Add the pair NAME:SHA256 to API_KEYS of the service, and
start the service again. The service answers who sends the header X-API-Key: API_KEY.
"""


def digest(key: bytes) -> bytes:
    """Return what the service knows of a key. A key is random, so it needs no slow hash like a password."""
    return hashlib.sha256(key).digest()


def parse_pairs(text: str) -> dict[bytes, str]:
    """Return the name of each key by the key's digest.

    Raises:
        ValueError: a sentence that numbers the wrong entry and repeats nothing of it, as it may be a key.
    """
    names: dict[bytes, str] = {}
    without_comments = re.sub("#.*", "", text)
    for number, entry in enumerate(without_comments.replace(",", " ").split(), 1):
        match = PAIR.fullmatch(entry)
        if match is None:
            raise ValueError(
                f"Entry {number} is not NAME:SHA256, with at most 64 letters, digits, '.', '_' or '-' "
                "and 64 hexadecimal digits"
            )
        key = bytes.fromhex(match[2])
        if key in names:
            raise ValueError(f"Entry {number} has the SHA-256 of an entry before it")
        names[key] = match[1]
    if not names:
        raise ValueError("There is no NAME:SHA256")
    return names


def new(name: str) -> None:
    """Print a new key and the pair that stands for it, as two lines that a shell can source."""
    key = PREFIX + secrets.token_urlsafe(32)
    print(f"API_KEY={key}\nAPI_KEYS={name}:{digest(key.encode()).hex()}")  # noqa: T201
    sys.stderr.write(INSTRUCTIONS)


def key_name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise argparse.ArgumentTypeError("must be 1 to 64 letters, digits, '.', '_' or '-'")
    return text


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m app.auth", description="API keys for the service.")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("new", help="make a key and print it, with the pair for API_KEYS")
    command.add_argument("name", type=key_name, help="whose key it is; logs and metrics show it")
    new(parser.parse_args().name)


if __name__ == "__main__":
    main()
