"""Counts and times every request."""

from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.monitoring.metrics import CLIENT_LEFT, Metrics


class Measure:
    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        status = CLIENT_LEFT  # until the answer begins

        async def send_and_note_status(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        self._metrics.request_started()
        try:
            await self._app(scope, receive, send_and_note_status)
        finally:
            self._metrics.request_finished(scope["path"], status, perf_counter() - started)
