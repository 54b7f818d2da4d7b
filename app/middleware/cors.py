"""Lets scripts of other origins, in a browser, read the answers."""

from collections.abc import Collection

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp


class Cors(CORSMiddleware):
    """Starlette's, which answers a browser's preflight itself: a preflight carries no key."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=("GET", "HEAD", "POST"),
            allow_headers=("Authorization", "X-API-Key"),
            expose_headers=("Retry-After", "RateLimit", "RateLimit-Policy"),
        )
