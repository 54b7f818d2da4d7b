"""Counts and times every request."""

from collections.abc import Awaitable
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.monitoring.metrics import CLIENT_LEFT, Metrics

STATUS = "app.status"
"""Key of the scope under which middleware further in finds the status, once the answer has begun."""


class Measure:
    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()

        def send_and_note_status(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                scope[STATUS] = message["status"]
            return send(message)

        self._metrics.request_started()
        try:
            await self._app(scope, receive, send_and_note_status)
        finally:
            seconds = perf_counter() - started
            self._metrics.request_finished(scope["path"], scope.get(STATUS, CLIENT_LEFT), seconds)
