"""The headers of an answer, without those that every answer has."""

import httpx

from app.middleware.security_headers import FOR_PAGES, FOR_TLS

OF_EVERY_ANSWER = {name.decode(): value.decode() for name, value in (*FOR_PAGES, *FOR_TLS)}


def own(response: httpx.Response) -> dict[str, str]:
    """Return the headers of this answer alone; test_security_headers.py has the others."""
    return {name: value for name, value in response.headers.items() if OF_EVERY_ANSWER.get(name) != value}
