"""The family of errors, and the one JSON shape in which clients see them (RFC 9457)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
LISTED_ERRORS = 100


class ServiceError(Exception):
    """Base of everything the service raises on purpose."""


class StartupError(ServiceError):
    """The service can't start as it is set up. The message goes to the terminal; the exit code is 1."""


class InvalidValue(BaseModel):
    """One error in the rows of a request."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"loc": ["inputs", 3, "age"]}]})

    loc: list[str | int] = Field(description="Where it is: keys and zero-based row numbers, from the top.")
    msg: str = Field(description="What is wrong and what is allowed.")
    type: str = Field(description="A stable name for this kind of error.")


class ProblemDocument(BaseModel):
    """The body of every error (RFC 9457, application/problem+json)."""

    type: str = Field(description="A stable name for this kind of problem.")
    title: str = Field(description="The same for every problem of this type.")
    status: int = Field(description="The HTTP status code.")
    detail: str = Field(description="What is wrong with this request and what is allowed.")
    errors: list[InvalidValue] | None = Field(
        default=None, description=f"Validation only: the first {LISTED_ERRORS} errors."
    )
    errors_omitted: int | None = Field(
        default=None,
        description="Validation only: how many errors the checked rows have beyond those listed.",
    )


class Problem(ServiceError):  # noqa: N818 - the noun of RFC 9457
    """A request that can't be answered, as the client sees it.

    `detail` and `errors` hold nothing that the client sent, except the names of unknown fields.
    """

    def __init__(
        self,
        status: int,
        name: str,
        detail: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        errors_omitted: int = 0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.name = name
        self.detail = detail
        self.errors = errors
        self.errors_omitted = errors_omitted
        self.headers = dict(headers or {})

    def document(self) -> dict[str, Any]:
        """Return the body, in the shape of ProblemDocument."""
        document: dict[str, Any] = {
            "type": f"urn:problem:{self.name}",
            "title": self.name.replace("-", " ").capitalize(),
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = list(self.errors)
        if self.errors_omitted:
            document["errors_omitted"] = self.errors_omitted
        return document

    def response(self) -> Response:
        body = json.dumps(self.document(), ensure_ascii=False).encode()
        return Response(body, self.status, headers=self.headers, media_type=MEDIA_TYPE)
