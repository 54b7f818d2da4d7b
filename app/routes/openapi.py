"""The OpenAPI document: the routes that FastAPI knows, and the predictions as the contract describes them."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.core.contract import Contract
from app.core.errors import MEDIA_TYPE, ProblemDocument
from app.core.schemas import row_schema
from app.prediction.responses import response_models
from app.routes.predict_file import FIELDS

SCHEMAS = "#/components/schemas/{model}"

CONNECTION_PROBLEMS = {
    400: "The request is not valid HTTP.",
    408: "The request came too slowly.",
    414: "The target has more than 8 KiB.",
    431: "The head has more than 64 KiB or 100 lines.",
    503: "The service holds too many requests.",
}
"""What any request may get, because its connection answers it."""
PREDICT_PROBLEMS = {
    400: "The body can't be read.",
    413: "The body is larger than MAX_BODY_BYTES.",
    415: "The Content-Type is not accepted, or a compression other than gzip.",
    422: "The rows do not fit the features, or there are more than MAX_ROWS; `errors` says where.",
    503: "The replica has more requests than it can answer in time.",
}
CSV = {"schema": {"type": "string", "description": "A header line, then a line for each row."}}


def problem_responses(descriptions: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI responses whose body is a problem document."""
    return {status: _problem(description) for status, description in descriptions.items()}


def document(app: FastAPI, contract: Contract, max_rows: int) -> dict[str, Any]:
    """Return the OpenAPI document of `app` serving the model of `contract`."""
    openapi = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    predictions = {
        "/predict": {"post": _predict(contract.example)},
        "/predict/file": {"post": _predict_file()},
    }
    openapi["paths"] = predictions | openapi["paths"]
    for operations in openapi["paths"].values():
        for operation in operations.values():
            operation["responses"] = with_connection_problems(operation["responses"])
    models: tuple[type[BaseModel], ...] = (*response_models(contract), ProblemDocument)
    _, definitions = models_json_schema([(model, "serialization") for model in models], ref_template=SCHEMAS)
    openapi["components"]["schemas"] |= {
        "Row": row_schema(contract.features, contract.ids) | describe_derived(contract),
        "Batch": _batch(max_rows),
        **definitions["$defs"],
    }
    return openapi


def describe_derived(contract: Contract) -> dict[str, str]:
    """Return what the schema of a row says of the features that the service computes."""
    if not contract.derived:
        return {}
    computed = "; ".join(f"`{derived.name}` = `{derived.expression}`" for derived in contract.derived)
    return {"description": f"The service computes from the row, and a row must not hold: {computed}."}


def with_connection_problems(responses: dict[str, Any]) -> dict[str, Any]:
    """Return the responses with the problems added; /health has an answer of its own for 503."""
    for status, description in CONNECTION_PROBLEMS.items():
        problem = _problem(description)
        response = responses.setdefault(str(status), problem)
        response["content"] = problem["content"] | response["content"]
    responses["503"]["headers"] = {"Retry-After": {"schema": {"type": "string"}}}
    return dict(sorted(responses.items()))


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {MEDIA_TYPE: {"schema": _ref("ProblemDocument")}}}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": SCHEMAS.format(model=name)}


def _predict(example: dict[str, Any]) -> dict[str, Any]:
    examples = {"rows": {"value": {"inputs": [example]}}, "one row": {"value": example}}
    json = {"schema": {"oneOf": [_ref("Batch"), _ref("Row")]}, "examples": examples}
    return _operation(
        "predict",
        "Label rows, with the probability of every label",
        {"application/json": json, "text/csv": CSV},
        {"application/json": {"schema": _ref("PredictResponse")}, "text/csv": CSV},
    )


def _predict_file() -> dict[str, Any]:
    name, alias = FIELDS
    file = {"type": "string", "contentMediaType": "text/csv", "format": "binary"}
    note = {"description": f"CSV with a header line. The field may also be called {alias}."}
    form = {
        "type": "object",
        "properties": {name: file | note},
        "required": [name],
        "additionalProperties": False,
    }
    return _operation(
        "predict_file",
        "Label the rows of a CSV file, and compute metrics if it has the target's column",
        {"multipart/form-data": {"schema": form, "encoding": {name: {"contentType": "text/csv"}}}},
        {"application/json": {"schema": _ref("FileResponse")}, "text/csv": CSV},
    )


def _operation(
    name: str, summary: str, request_content: dict[str, Any], response_content: dict[str, Any]
) -> dict[str, Any]:
    answer = {"description": "One prediction for each row, in their order.", "content": response_content}
    problems = problem_responses(PREDICT_PROBLEMS)
    return {
        "tags": ["predictions"],
        "summary": summary,
        "operationId": name,
        "requestBody": {"required": True, "content": request_content},
        "responses": {"200": answer} | {str(status): response for status, response in problems.items()},
    }


def _batch(max_rows: int) -> dict[str, Any]:
    return {
        "type": "object",
        "title": "Batch",
        "properties": {
            "inputs": {"type": "array", "items": _ref("Row"), "minItems": 1, "maxItems": max_rows}
        },
        "required": ["inputs"],
        "additionalProperties": False,
    }
