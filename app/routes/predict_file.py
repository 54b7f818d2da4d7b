"""POST /predict/file: a CSV file from a form."""

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from app.core.errors import Problem
from app.prediction.predictor import Predictor, refuse_compressed, too_large
from app.settings import Settings

PATH = "/predict/file"
FIELD = "file"


class Upload:
    """The ASGI endpoint."""

    def __init__(self, predictor: Predictor, settings: Settings) -> None:
        self._predictor = predictor
        self._max_body_bytes = settings.max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            content = await read_file(Request(scope, limited(receive, self._max_body_bytes)))
        except ClientDisconnect:
            return
        answer = await self._predictor.in_turn(self._predictor.answer_file(content))
        await Response(answer, media_type="application/json")(scope, receive, send)


async def read_file(request: Request) -> bytes:
    """Return the file in the form; raise Problem 415 for another body, 400 for a form without the file."""
    refuse_compressed(dict(request.headers.raw))
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Problem(
            415,
            "unsupported-media-type",
            "The Content-Type must be multipart/form-data.",
            headers={"Accept-Post": "multipart/form-data"},
        )
    detail = f"The body must be a multipart form with a CSV file in the field {FIELD!r}, and nothing else."
    try:
        async with request.form(max_files=1, max_fields=0) as form:
            file = form.get(FIELD)
            if not isinstance(file, UploadFile):
                raise Problem(400, "invalid-form", detail)
            return await file.read()
    except (HTTPException, MultiPartException, ValueError) as error:  # ValueError: of an odd charset
        raise Problem(400, "invalid-form", detail) from error


def limited(receive: Receive, limit: int) -> Receive:
    """Return `receive`, which raises Problem 413 once there were more than `limit` bytes."""
    size = 0

    async def receive_limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise too_large(limit)
        return message

    return receive_limited
