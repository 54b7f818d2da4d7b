"""API keys of tests."""

from app.auth import digest

KEY = "cma_key-of-alice"
NEXT_KEY = "cma_next-key-of-alice"
KEY_OF_BOB = "cma_key-of-bob"


def pair(name: str, key: str) -> str:
    return f"{name}:{digest(key.encode()).hex()}"


PAIRS = ", ".join([pair("alice", KEY), pair("alice", NEXT_KEY), pair("bob", KEY_OF_BOB)])
"""Alice changes her key, so both hold."""
