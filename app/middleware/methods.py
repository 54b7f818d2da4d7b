"""HEAD and OPTIONS, in the same way for every path."""

from collections.abc import Awaitable
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.middleware.problems import allowed_methods


class Methods:
    """Answers HEAD as GET without the body, and OPTIONS with the methods that the path allows."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        match scope["method"]:
            case "HEAD":
                return self._app({**scope, "method": "GET"}, receive, without_body(send))
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


def without_body(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return send_head
