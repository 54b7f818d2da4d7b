"""HTTP clients of applications that run in the process of the test."""

import httpx
from starlette.types import ASGIApp


def client_of(app: ASGIApp, *, raise_app_exceptions: bool = True) -> httpx.AsyncClient:
    """Return a client of an application. Its exceptions are raised here, or answered as a server would."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=raise_app_exceptions)
    return httpx.AsyncClient(transport=transport, base_url="http://service")
