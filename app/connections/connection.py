"""Connection: uvicorn's protocol, with what uvicorn leaves to a proxy in front of it."""

import asyncio
import logging
from typing import Any, cast

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser
from starlette.requests import ClientDisconnect
from starlette.types import Scope
from uvicorn._types import ASGI3Application, HTTPScope
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.connections.admission import Queue
from app.connections.budget import SMALL_BODY, Budget
from app.connections.cycle import Cycle
from app.connections.incoming import TRAILERS, Incoming
from app.connections.lingering import LINGER_BODIES, Discard, LingeringTransport
from app.connections.phases import Watch
from app.connections.refusals import (
    HEAD_LINES,
    TARGET_BYTES,
    check_head,
    check_target,
    invalid_http,
    no_proxy,
    out_of_room,
    overloaded,
)
from app.connections.shedding import LARGEST_DROPPED, OPEN_TARGETS, Shedder, declared_length
from app.connections.upgrade import head_without_upgrade
from app.core.errors import Problem
from app.middleware.problems import INTERRUPTION
from app.middleware.security_headers import SecurityHeaders

SLASH = ord("/")
SEGMENT_BYTES = 16 * 1024
"""The parser gets no more at once, so that limits are checked in between."""
VERSIONS = ("1.1", "1.0")
"""The parser also reads 0.9, which has no answer with a status, and 2.0, which is another protocol."""
MAX_WAITING = 32
"""Requests that may wait for the answers to those before them."""

log = logging.getLogger(__name__)


class TooManyWaiting(Exception):  # noqa: N818 - the client has made no error
    """More requests wait than may. The connection closes after those, and the client sends the rest again."""


class Connection(HttpToolsProtocol):
    """One client's connection. What it refuses gets a problem document in its turn.

    An override costs every request. So none does more than it must, and most checks run only for a request
    that comes in more than one piece.
    """

    def __init__(self, *args: Any, budget: Budget, shedder: Shedder, has_room: bool = True) -> None:
        super().__init__(*args)
        self.budget = budget
        self.stale = False
        self._shedder = shedder
        self._pauses = False
        self.watch = Watch()
        self.received = 0
        """Bytes since the connection was made."""
        self.active: RequestResponseCycle | None = None
        """The request that is being answered. `cycle` is the latest one, which may wait for it."""
        self.task: asyncio.Task[None] | None = None
        self.lingering = False
        self._has_room = has_room
        self._head_bytes = 0
        self._body_bytes = 0
        self._held = 0
        self._incoming: Incoming | None = None
        self._queue: Queue | None = None
        """Where the active request waits, from its last byte to the last of its answer."""
        self._waits_for_reader = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if not self._has_room:
            self.refuse(out_of_room(), "full")

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the application too, which uvicorn lets work on for nobody."""
        super().connection_lost(exc)
        if self.active is not None and not self.active.response_complete:
            self.active.disconnected = True
            self.active.message_event.set()
            if not self.active.response_started:
                self.interrupt(ClientDisconnect())
        self._leave_queue()

    # What the client sends

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        if len(data) > SEGMENT_BYTES:
            view = memoryview(data)
            for start in range(0, len(data), SEGMENT_BYTES):
                self._parse(view[start : start + SEGMENT_BYTES])
        else:
            self._parse(data)

    def _parse(self, data: bytes | memoryview) -> None:
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as stop:
            rest = data[stop.args[0] :]
        except HttpParserError as error:
            self._refuse_unparsed(error)
            return
        else:
            cycle = self.cycle
            if cycle is None or cycle.scope is not self.scope:
                self._check_incomplete_head(len(data))
            elif cycle.more_body:
                self._check_incomplete_body(cycle, len(data))
            return
        self._parse_without_upgrade(rest)

    def _should_upgrade(self) -> bool:
        """Let uvicorn's callbacks skip a request that asks for an upgrade: it is parsed again without."""
        return True

    def _parse_without_upgrade(self, rest: bytes | memoryview) -> None:
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        if method == b"CONNECT":
            self.refuse(no_proxy())
            return
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        start_line = b"%b %b HTTP/%b" % (method, self.url, version)
        self._parse(head_without_upgrade(start_line, self.scope["headers"]))
        if rest:
            self._parse(rest)

    def _refuse_unparsed(self, error: HttpParserError) -> None:
        cause = error.__context__ if isinstance(error, HttpParserCallbackError) else None
        match cause:
            case TooManyWaiting():
                self._close_after(self.cycle)
            case Problem(status=503):
                self.refuse(cause, "full")
            case Problem():
                self.refuse(cause)
            case None:
                self.refuse(invalid_http())
            case _:
                log.error("a callback of the parser failed", exc_info=cause)
                self.refuse(invalid_http())

    def on_headers_complete(self) -> None:
        """Begin the request. A Problem that is raised here or in another callback is the answer to it."""
        if len(self.pipeline) >= MAX_WAITING:
            raise TooManyWaiting
        if self._head_bytes or len(self.url) > TARGET_BYTES or len(self.headers) > HEAD_LINES:
            check_head(self.url, self.headers)
            self._head_bytes = 0
        if self.url[0] != SLASH and not self.parser.should_upgrade():
            check_target(self.url)
        self._body_bytes = 0
        shedder = self._shedder
        is_full = shedder.small.size >= shedder.small.limit or shedder.large.size >= shedder.large.limit
        if (is_full or self.stale) and self._shed():
            return
        cast(Scope, self.scope)["extensions"] = shedder.extensions
        HttpToolsProtocol.on_headers_complete(self)  # a tenth of a microsecond less than super()
        if self.cycle:  # there is none yet when the first request asks for an upgrade
            self.cycle.__class__ = Cycle
        self.headers = TRAILERS

    def _shed(self) -> bool:
        """Refuse the request if its queue is full. A request behind another one waits for that anyway."""
        is_first = self.cycle is None or self.cycle.response_complete
        if not is_first or self.url.partition(b"?")[0] in OPEN_TARGETS or self.parser.should_upgrade():
            return False
        length = declared_length(self.headers)
        queue = self._shedder.queue_for(length)
        self._pauses = queue.size >= queue.limit
        if not self._pauses and not self.stale:
            return False
        self._shedder.count_refusal(self.url)
        is_end_far = length > LARGEST_DROPPED or self.expect_100_continue
        is_paused = self.flow.read_paused  # one before it in the same segment was refused
        if is_end_far or is_paused or not self.parser.should_keep_alive():
            raise overloaded()
        self.cycle, self.scope = SHED, SHED.scope
        self.watch.phase = None  # it is not idle
        is_head = self.parser.get_method() == b"HEAD"
        self.transport.write(self._shedder.answer_to_head if is_head else self._shedder.answer)
        return True

    def on_message_complete(self) -> None:
        """Note that the request is complete, as uvicorn does; from now on it waits for its answer."""
        cycle = self.cycle
        if cycle is SHED:
            self.stale = False
            if self._pauses:
                self.flow.pause_reading()
                self._shedder.pause(self)
        elif not self.parser.should_upgrade() and not cycle.response_complete:
            cycle.more_body = False
            cycle.message_event.set()
            if cycle is self.active and not cycle.response_started:
                self._enter_queue(self._body_bytes)

    def _enter_queue(self, body_bytes: int) -> None:
        """Let the request wait until it is answered. One that waits for those before it is not in a queue."""
        self._queue = queue = self._shedder.queue_for(body_bytes)
        queue.enter()

    def _leave_queue(self) -> None:
        if queue := self._queue:
            self._queue = None
            queue.leave()

    def resume_reading(self) -> None:
        """Read again after a pause that the shedder made."""
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def _check_incomplete_head(self, size: int) -> None:
        if self.scope is None or isinstance(self.parser, Discard):
            return
        self._head_bytes += size
        try:  # the first segment may have begun with other bytes
            check_head(self.url, self.headers, self._head_bytes - SEGMENT_BYTES)
        except Problem as problem:
            self.refuse(problem)

    def on_body(self, body: bytes) -> None:
        cycle = self.cycle
        self._body_bytes += len(body)
        if cycle.response_complete:
            return
        cycle.body += body
        if self._body_bytes > SMALL_BODY:
            self._hold(len(body))
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def _hold(self, size: int) -> None:
        """Count a body that is not small until its request is done; raise the problem if there is no room."""
        if not self._held:
            size = self._body_bytes
            cast("asyncio.Task[None]", self.task).add_done_callback(self._release)
        self._held += size
        self.budget.held += size
        if self.budget.is_spent():
            raise out_of_room()

    def _release(self, _task: object) -> None:
        self.budget.held -= self._held
        self._held = 0

    def _check_incomplete_body(self, cycle: RequestResponseCycle, size: int) -> None:
        if isinstance(self.parser, Discard):
            return
        if self._incoming is None or self._incoming.cycle is not cycle:
            self._incoming = Incoming(cycle)
            cycle.transport = self._lingering_transport()
        try:
            self._incoming.add(size, self._body_bytes)
        except Problem as problem:
            self.refuse(problem)
        if self._incoming.received > self._most_dropped:  # of a body that nobody reads
            self.count_dropped("body")
            self.transport.abort()

    # What the service answers

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Start the request as uvicorn does, and remember it. One of another version is refused."""
        if cycle.scope["http_version"] not in VERSIONS:
            self.count_dropped("invalid")
            app = cast(ASGI3Application, SecurityHeaders(invalid_http().response()))
        self.active = cycle
        self.task = task = self.loop.create_task(cycle.run_asgi(app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def on_response_complete(self) -> None:
        """Go on, unless the client has to take the answers first. The sweep ends keep-alive, not a timer."""
        self._leave_queue()
        if self.lingering or self.transport.is_closing():
            return
        if self.flow.write_paused:
            self._waits_for_reader = True
            self.flow.pause_reading()
        elif self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
            if not cycle.more_body:
                self._enter_queue(len(cycle.body))
        else:
            self.flow.resume_reading()

    def pause_writing(self) -> None:
        """Wait for the client to read; whoever waits in the queue does not wait for that."""
        super().pause_writing()
        self._leave_queue()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._waits_for_reader:
            self._waits_for_reader = False
            self.on_response_complete()

    def refuse(self, problem: Problem, reason: str = "invalid") -> None:
        """Answer with the problem once the requests before it are answered, read no more, and close."""
        log.debug("refused: %s", problem.name)
        self.count_dropped(reason)
        self._discard()
        latest = self.cycle
        if latest is not None and latest.more_body and latest is self.active:
            self._answer_instead(latest, problem)
            return
        self.cycle = cycle = self._closing_cycle()
        self.scope = cycle.scope
        app = cast(ASGI3Application, SecurityHeaders(problem.response()))
        if latest is None or latest.response_complete:
            self._start_asgi_task(cycle, app)
        elif latest.more_body:  # it waits, and is not worth an answer of its own
            self.pipeline[0] = (cycle, app)
        else:
            self.pipeline.appendleft((cycle, app))

    def _answer_instead(self, cycle: RequestResponseCycle, problem: Problem) -> None:
        """Let the application that waits for the rest of the body answer with the problem."""
        cycle.transport = self._lingering_transport()
        if cycle.response_complete:
            self.linger()
        else:
            self.interrupt(problem)

    def interrupt(self, error: Problem | ClientDisconnect) -> None:
        """Stop the application, which answers with the Problem. An answer that has begun is cut off."""
        active, task = self.active, self.task
        if active is None or task is None or active.response_started:
            self.transport.abort()
        else:
            cast(Scope, active.scope)[INTERRUPTION] = error
            self.loop.call_soon(task.cancel)  # after the first step of the task, which may not have begun

    def linger(self) -> None:
        """Close once the client has the answer. What it sends until it closes is read and dropped."""
        if not self.transport.is_closing():
            self.lingering = True
            self._discard()
            self.flow.resume_reading()
            self.transport.write_eof()

    def count_dropped(self, reason: str) -> None:
        self.budget.metrics.count_dropped(reason)

    def _close_after(self, cycle: RequestResponseCycle) -> None:
        """Read no more requests after this one, which waits for its turn."""
        self._discard()
        self.scope = cycle.scope
        cycle.keep_alive = False
        cycle.transport = self._lingering_transport()

    def _discard(self) -> None:
        self.parser = Discard(self.transport, self._most_dropped)  # type: ignore[assignment] # all that is called

    @property
    def _most_dropped(self) -> int:
        return LINGER_BODIES * self.budget.settings.max_body_bytes

    def _lingering_transport(self) -> asyncio.Transport:
        return cast(asyncio.Transport, LingeringTransport(self.transport, self.linger))

    def _closing_cycle(self) -> RequestResponseCycle:
        """Return a cycle for an answer of the connection itself, after which it closes."""
        return RequestResponseCycle(
            scope=cast(HTTPScope, {"type": "http", "method": "GET", "http_version": "1.1", "scheme": "http"}),
            transport=self._lingering_transport(),
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


SHED = RequestResponseCycle.__new__(RequestResponseCycle)
"""Stands in for a request that was refused: as it is answered, its body is skipped."""
SHED.scope = cast(HTTPScope, {"type": "http"})
SHED.more_body = False
SHED.response_complete = True
SHED.message_event = asyncio.Event()
