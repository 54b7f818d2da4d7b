"""Connection: uvicorn's protocol, with what uvicorn leaves to a proxy in front of it."""

import asyncio
import logging
from typing import Any, cast

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.connections.refusals import check_target, invalid_http, no_proxy
from app.connections.upgrade import head_without_upgrade
from app.core.errors import Problem
from app.monitoring.metrics import Metrics

log = logging.getLogger(__name__)


class Connection(HttpToolsProtocol):
    """One client's connection. What it refuses gets a problem document in its turn."""

    def __init__(self, *args: Any, metrics: Metrics, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._metrics = metrics

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        rest = memoryview(data)
        try:
            while rest:
                rest = self._feed(rest)
        except HttpParserError as error:
            self._refuse_invalid(error)

    def _feed(self, data: memoryview) -> memoryview:
        """Parse the data; return what comes after a head that asked for an upgrade."""
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as stop:
            self._ignore_upgrade()
            return data[stop.args[0] :]
        return data[:0]

    def on_headers_complete(self) -> None:
        """Begin the request. A Problem that is raised here or in another callback is the answer to it."""
        if not self.url.startswith(b"/") and not self.parser.should_upgrade():
            check_target(self.url)
        super().on_headers_complete()

    def _should_upgrade(self) -> bool:
        """Let uvicorn's callbacks skip a request that asks for an upgrade: it is parsed again without."""
        return True

    def _ignore_upgrade(self) -> None:
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        if method == b"CONNECT":
            self.refuse(no_proxy())
            return
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        start_line = b"%b %b HTTP/%b" % (method, self.url, version)
        self.parser.feed_data(head_without_upgrade(start_line, self.headers))

    def _refuse_invalid(self, error: HttpParserError) -> None:
        cause = error.__context__ if isinstance(error, HttpParserCallbackError) else None
        problem = cause if isinstance(cause, Problem) else invalid_http()
        if cause is None or problem is cause:
            log.debug("refused: %s", problem.name)
        else:
            log.error("a callback of the parser failed", exc_info=cause)
        self.refuse(problem)

    def refuse(self, problem: Problem) -> None:
        """Answer with the problem once the requests before it are answered, read no more, and close."""
        self._metrics.count_dropped("invalid")
        self.parser = Discard()  # type: ignore[assignment] # which has the one method that is called
        cycle, self.cycle = self.cycle, self._closing_cycle()
        app = cast(ASGI3Application, problem.response())
        if cycle is None or cycle.response_complete:
            self._start_asgi_task(self.cycle, app)
        elif not cycle.more_body:
            self.pipeline.appendleft((self.cycle, app))
        elif self.pipeline:  # the body of the last request that waits is invalid
            self.pipeline[0] = (self.cycle, app)
        else:
            self._answer_instead(cycle, app)

    def _answer_instead(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Answer in place of the application that reads the invalid body, unless it has begun to answer."""
        cycle.disconnected = True
        cycle.message_event.set()
        if cycle.response_started:
            self.transport.close()
        else:
            self._start_asgi_task(self.cycle, app)

    def _closing_cycle(self) -> RequestResponseCycle:
        """Return a cycle for an answer of the connection itself, after which it closes."""
        return RequestResponseCycle(
            scope={"type": "http", "method": "GET", "http_version": "1.1"},  # type: ignore[typeddict-item]
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=False,
            on_response=self.on_response_complete,
        )


class Discard:
    """Stands in for the parser of a connection that reads no more requests."""

    def feed_data(self, data: memoryview) -> None:
        pass
