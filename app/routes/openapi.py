"""The OpenAPI document: what FastAPI knows of its routes, and /predict as the contract describes it."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.core.contract import Contract
from app.core.errors import MEDIA_TYPE, InvalidValue, ProblemDocument
from app.core.validation import row_schema

SCHEMAS = "#/components/schemas/{model}"

PREDICT_PROBLEMS = {
    400: "The body can't be read.",
    413: "The body is larger than MAX_BODY_BYTES.",
    415: "The body is not declared as a media type that is accepted.",
    422: "The rows do not fit the features, or there are more than MAX_ROWS; `errors` says where.",
}
FIGURE = {"type": ["number", "null"]}
COUNT = {"type": "integer", "minimum": 0}
METRICS = {
    "type": "object",
    "properties": {
        "rows": COUNT,
        "labels": {"type": "array", "items": {"type": "string"}},
        "confusion_matrix": {"type": "array", "items": {"type": "array", "items": COUNT}},
        "accuracy": FIGURE,
        "precision": FIGURE,
        "recall": FIGURE,
        "f1": FIGURE,
        "roc_auc": FIGURE,
        "log_loss": FIGURE,
        "brier": FIGURE,
    },
    "description": "How right the labels are, if the file has the target's column; null where undefined.",
}
CSV = {"schema": {"type": "string", "description": "A header line, then a line for each row."}}


def problem_responses(descriptions: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI responses whose body is a problem document."""
    content = {MEDIA_TYPE: {"schema": _ref("ProblemDocument")}}
    return {
        status: {"description": description, "content": content}
        for status, description in descriptions.items()
    }


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
    schemas = openapi.setdefault("components", {}).setdefault("schemas", {})
    schemas["Row"] = row_schema(contract.features)
    schemas["Batch"] = _batch(max_rows)
    schemas["Answer"] = _answer(contract)
    schemas["FileAnswer"] = {
        "allOf": [_ref("Answer"), {"type": "object", "properties": {"metrics": METRICS}}]
    }
    for model in (ProblemDocument, InvalidValue):
        schema = model.model_json_schema(ref_template=SCHEMAS)
        schema.pop("$defs", None)
        schemas[model.__name__] = schema
    return openapi


def _ref(name: str) -> dict[str, str]:
    return {"$ref": SCHEMAS.format(model=name)}


def _predict(example: dict[str, Any]) -> dict[str, Any]:
    examples = {"rows": {"value": {"inputs": [example]}}, "one row": {"value": example}}
    json = {"schema": {"oneOf": [_ref("Batch"), _ref("Row")]}, "examples": examples}
    return _operation(
        "predict",
        "Label rows, with the probability of every label",
        takes={"application/json": json, "text/csv": CSV},
        gives={"application/json": {"schema": _ref("Answer")}, "text/csv": CSV},
    )


def _predict_file() -> dict[str, Any]:
    file = {"type": "string", "contentMediaType": "text/csv", "format": "binary"}
    form = {"type": "object", "properties": {"file": file}, "required": ["file"]}
    return _operation(
        "predict_file",
        "Label the rows of a CSV file; with the target's column in it, say how right the labels are",
        takes={"multipart/form-data": {"schema": form}},
        gives={"application/json": {"schema": _ref("FileAnswer")}},
    )


def _operation(name: str, summary: str, takes: dict[str, Any], gives: dict[str, Any]) -> dict[str, Any]:
    answer = {"description": "One prediction for each row, in their order.", "content": gives}
    problems = problem_responses(PREDICT_PROBLEMS)
    return {
        "tags": ["predictions"],
        "summary": summary,
        "operationId": name,
        "requestBody": {"required": True, "content": takes},
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


def _answer(contract: Contract) -> dict[str, Any]:
    labels = list(contract.target.labels)
    probability = {"type": "number", "minimum": 0, "maximum": 1}
    properties = {
        "model_lib_version": {"type": "string", "examples": [contract.model_version]},
        "timestamp": {"type": "string", "format": "date-time"},
        "predictions": {"type": "array", "items": {"type": "string", "enum": labels}},
        "probabilities": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": dict.fromkeys(labels, probability),
                "required": labels,
            },
        },
    }
    return {"type": "object", "title": "Answer", "properties": properties, "required": list(properties)}
