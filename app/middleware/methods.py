"""HEAD and OPTIONS, in the same way for every path."""

from collections.abc import Awaitable
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.middleware.problems import allowed_methods


class Methods:
    """Answers HEAD as GET, whose body the server leaves out, and OPTIONS with what the path allows."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        match scope["method"]:
            case "HEAD":
                return self._app({**scope, "method": "GET"}, receive, send)
            case "OPTIONS":
                return self._answer_options(scope, receive, send)
        return self._app(scope, receive, send)

    async def _answer_options(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except HTTPException as error:
            if error.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
                raise
            headers = {"Allow": ", ".join([*allowed_methods(error), "OPTIONS"])}
            await Response(status_code=204, headers=headers)(scope, receive, send)
