"""POST /predict/file: a CSV file from a form."""

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.core.errors import Problem
from app.prediction.predictor import Predictor
from app.routes.predict import refuse_compressed

PATH = "/predict/file"
FIELDS = ("file", "csv_file")
MultiPartParser.spool_max_size = 0  # never to disk: /tmp may be full, and MAX_BODY_BYTES bounds an upload


class PredictFile:
    """The ASGI endpoint."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        content = await read_file(Request(scope, receive))
        answer = await self._predictor.run_in_turn(self._predictor.answer_file(content))
        await Response(answer, media_type="application/json")(scope, receive, send)


async def read_file(request: Request) -> bytes:
    """Return the file in the form; raise Problem 415 for another body, 400 for another form."""
    refuse_compressed(dict(request.headers.raw))
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Problem(
            415,
            "unsupported-media-type",
            "The Content-Type must be multipart/form-data.",
            headers={"Accept-Post": "multipart/form-data"},
        )
    fields = " or ".join(map(repr, FIELDS))
    detail = f"The body must be a multipart form with a CSV file in the field {fields}, and nothing else."
    try:
        async with request.form(max_files=1, max_fields=0) as form:
            name, file = next(iter(form.items()), ("", None))
            if name not in FIELDS or not isinstance(file, UploadFile):
                raise Problem(400, "invalid-form", detail)
            return await file.read()
    except (HTTPException, MultiPartException, ValueError) as error:  # ValueError: an unusable charset
        raise Problem(400, "invalid-form", detail) from error
