"""Cycle: a request and its answer on a connection."""

from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle


class Cycle(RequestResponseCycle):
    """uvicorn's, which also sends a whole answer in one message: half the calls and half the writes."""

    async def send(self, message: Message) -> None:  # type: ignore[override] # uvicorn's types have no extension
        if self.response_started or "body" not in message:
            await super().send(message)  # type: ignore[arg-type]
            return
        if self.flow.write_paused:
            await self.flow.drain()
        if not self.disconnected:
            self._send_whole(message)

    def _send_whole(self, message: Message) -> None:
        """Write the answer. Its headers are the service's own, so they are not checked again."""
        lines = [STATUS_LINE[message["status"]]]
        for name, value in [*self.default_headers, *message["headers"]]:
            lines += (name, b": ", value, b"\r\n")
        lines.append(b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        lines.append(message["body"])
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(b"".join(lines))
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
