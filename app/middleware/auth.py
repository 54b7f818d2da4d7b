"""Lets in who has an API key."""

from collections.abc import Awaitable, Collection, Mapping
from hashlib import sha256

from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.errors import Problem, StartupError
from app.monitoring.metrics import ROUTES, Metrics
from app.monitoring.readiness import CHECKS

KEY_NAME = "app.key"
"""Key of the scope under which middleware finds the name of the client's API key, if it has one."""

NEEDED_BY_DOCS = ("/openapi.json",)
FILES_OF_DOCS = "/static/swagger/"
ADVICE = "Send an API key in the header X-API-Key, or as Authorization: Bearer."


class Auth:
    """Raises Problem 401 for a request without a known key, and reads no body before.

    The name is looked up by the SHA-256 of what the client sent. How long that takes tells nothing of a key:
    a client that could learn how far its digest is right would have to find another input with a digest
    of that beginning, and a whole digest does not lead back to the key.

    A worker remembers the keys that it has let in, because SHA-256 costs some ten microseconds amid other
    work. Python finds a key there by a hash with a random seed, before it compares a byte; so that tells
    nothing either.
    """

    def __init__(
        self, app: ASGIApp, names: Mapping[bytes, str], public: Collection[str], metrics: Metrics
    ) -> None:
        self._app = app
        self._names = names
        self._let_in: dict[bytes, str] = {}
        self._public = public
        self._public_files = FILES_OF_DOCS if "/docs" in public else ()
        self._metrics = metrics

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["path"] not in self._public:
            key = sent_key(scope)
            name = self._let_in.get(key) or self._check(key)
            if name:
                scope[KEY_NAME] = name
                self._metrics.count_key(name)
            elif not scope["path"].startswith(self._public_files):
                raise unauthorized(key)
        return self._app(scope, receive, send)

    def _check(self, key: bytes) -> str | None:
        name = self._names.get(sha256(key).digest()) if key else None
        if name:
            self._let_in[key] = name
        return name


def sent_key(scope: Scope) -> bytes:
    """Return the key that a client sent, or nothing; X-API-Key goes before Authorization."""
    headers: dict[bytes, bytes] = dict(scope["headers"])
    key = headers.get(b"x-api-key")
    if key:
        return key
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else b""


def unauthorized(key: bytes) -> Problem:
    """Return Problem 401; RFC 6750 names the error only to a client that sent a key."""
    detail, challenge = ADVICE, 'Bearer realm="api"'
    if key:
        detail, challenge = f"The API key is unknown. {ADVICE}", f'{challenge}, error="invalid_token"'
    return Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": challenge})


def public_paths(paths: Collection[str]) -> frozenset[str]:
    """Return the paths that need no key: health checks, those listed, and with /docs what that page loads.

    Raises:
        StartupError: a path is none of the service's.
    """
    allowed = [route for route in ROUTES if route not in {"other", *CHECKS}]
    if not {*allowed, *CHECKS}.issuperset(paths):
        raise StartupError(f"The setting PUBLIC is wrong: It may list {', '.join(allowed)}.")
    needed = NEEDED_BY_DOCS if "/docs" in paths else ()
    return frozenset({*CHECKS, *paths, *needed})
