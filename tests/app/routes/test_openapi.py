import re
from typing import Any

import httpx
import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from app.core.contract import Contract
from app.core.schemas import row_schema
from tests.support.tiny import HEADER, LINE, ROW, csv_body

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
CSV = {"schema": {"type": "string", "description": "A header line, then a line for each row."}}


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


@pytest.fixture
async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    response = await client.get("/openapi.json")
    assert response.status_code == 200
    document: dict[str, Any] = response.json()
    return document


def schema(document: dict[str, Any], name: str) -> OAS31Validator:
    """Return a validator of one named schema, which may refer to the others."""
    return OAS31Validator(ref(name) | {"components": document["components"]})


async def test_document_is_valid_openapi(document: dict[str, Any]) -> None:
    validate(document)
    assert document["openapi"].startswith("3.1.")
    assert document["info"]["title"] == "Tiny loans"
    assert list(document["paths"]) == ["/predict", "/predict/file", "/health", "/ready", "/metrics"]


async def test_row_is_described_as_the_contract_declares_it(
    document: dict[str, Any], contract: Contract
) -> None:
    assert document["components"]["schemas"]["Row"] == row_schema(contract.features)


async def test_batch_is_described_with_the_limit_of_its_rows(document: dict[str, Any]) -> None:
    assert document["components"]["schemas"]["Batch"] == {
        "type": "object",
        "title": "Batch",
        "properties": {"inputs": {"type": "array", "items": ref("Row"), "minItems": 1, "maxItems": 5}},
        "required": ["inputs"],
        "additionalProperties": False,
    }


async def test_response_is_described_with_the_labels(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    properties = {
        "model_lib_version": {"title": "Model Lib Version", "type": "string", "examples": ["1.2.3"]},
        "timestamp": {"title": "Timestamp", "type": "string", "format": "date-time"},
        "predictions": {
            "title": "Predictions",
            "type": "array",
            "items": {"type": "string", "enum": ["no", "yes"]},
        },
        "probabilities": {"title": "Probabilities", "type": "array", "items": ref("Probabilities")},
    }
    required = list(properties)
    properties |= {
        "kept": {
            "title": "Kept",
            "type": "array",
            "items": {"type": "object", "additionalProperties": {"type": "string"}},
            "description": "The cells of the columns that keep= names.",
        },
        "ignored_columns": {
            "title": "Ignored Columns",
            "type": "array",
            "items": {"type": "string"},
            "description": "The first columns of CSV that the model does not read.",
        },
        "ignored_columns_count": {
            "title": "Ignored Columns Count",
            "type": "integer",
            "description": "How many such columns there are.",
        },
    }
    probability = {"type": "number", "minimum": 0, "maximum": 1}
    assert schemas["PredictResponse"] == {
        "type": "object",
        "title": "PredictResponse",
        "properties": properties,
        "required": required,
    }
    assert schemas["FileResponse"] == {
        "type": "object",
        "title": "FileResponse",
        "properties": properties | {"metrics": ref("BinaryFileMetrics")},
        "required": required,
    }
    assert schemas["Probabilities"] == {
        "type": "object",
        "title": "Probabilities",
        "properties": {label: probability | {"title": label} for label in ("no", "yes")},
        "required": ["no", "yes"],
    }


async def test_metrics_of_a_file_are_described(document: dict[str, Any]) -> None:
    count = {"type": "integer", "minimum": 0}
    number = {"type": "number"}
    nullable = {"anyOf": [number, {"type": "null"}]}
    properties: dict[str, Any] = {
        "rows": count,
        "labels": {"type": "array", "items": {"type": "string"}},
        "confusion_matrix": {
            "type": "array",
            "items": {"type": "array", "items": count},
            "description": "A row for each true label, a column for each predicted one.",
        },
        "accuracy": nullable,
        "log_loss": number,
        "precision": nullable,
        "recall": nullable,
        "f1": nullable,
        "roc_auc": nullable,
        "average_precision": nullable,
        "brier": number,
    }
    described = document["components"]["schemas"]["BinaryFileMetrics"]
    assert described["required"] == list(properties)
    assert described["properties"] == {
        name: schema | {"title": described["properties"][name]["title"]}
        for name, schema in properties.items()
    }


async def test_predict_is_documented_with_json_and_csv(document: dict[str, Any]) -> None:
    predict = document["paths"]["/predict"]["post"]
    assert predict["requestBody"] == {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"oneOf": [ref("Batch"), ref("Row")]},
                "examples": {"rows": {"value": {"inputs": [ROW]}}, "one row": {"value": ROW}},
            },
            "text/csv": CSV,
        },
    }
    assert predict["responses"]["200"]["content"] == {
        "application/json": {"schema": ref("PredictResponse")},
        "text/csv": CSV,
    }


async def test_predict_file_is_documented_with_a_form_whose_field_has_two_names(
    document: dict[str, Any],
) -> None:
    predict = document["paths"]["/predict/file"]["post"]
    file = {
        "type": "string",
        "contentMediaType": "text/csv",
        "format": "binary",
        "description": "CSV with a header line. The field may also be called csv_file.",
    }
    assert predict["requestBody"] == {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": file},
                    "required": ["file"],
                    "additionalProperties": False,
                },
                "encoding": {"file": {"contentType": "text/csv"}},
            }
        },
    }
    content = predict["responses"]["200"]["content"]
    assert content["application/json"] == {"schema": ref("FileResponse")}
    assert content["text/csv"]["schema"]["type"] == "string"


@pytest.mark.parametrize("path", ["/predict", "/predict/file"])
async def test_problems_of_a_prediction_are_documented(document: dict[str, Any], path: str) -> None:
    responses = document["paths"][path]["post"]["responses"]
    assert list(responses) == ["200", "400", "408", "413", "414", "415", "422", "431", "503"]
    assert responses.pop("200")["description"] == "One prediction for each row, in their order."
    assert [response["content"] for response in responses.values()] == [PROBLEM] * 8
    assert all(response["description"].endswith(".") for response in responses.values())


async def test_not_ready_replica_is_documented(document: dict[str, Any]) -> None:
    response = document["paths"]["/ready"]["get"]["responses"]["503"]
    assert response == {
        "description": "Not ready; the detail says why.",
        "content": PROBLEM,
        "headers": {"Retry-After": {"schema": {"type": "string"}}},
    }


async def test_health_has_two_answers_of_status_503(document: dict[str, Any]) -> None:
    response = document["paths"]["/health"]["get"]["responses"]["503"]
    assert response["content"] == PROBLEM | {"application/json": {"schema": ref("Health")}}


async def test_every_path_documents_what_its_connection_may_answer(document: dict[str, Any]) -> None:
    for operations in document["paths"].values():
        for operation in operations.values():
            responses = operation["responses"]
            assert list(responses) == sorted(responses)
            for status in ("400", "408", "414", "431", "503"):
                assert responses[status]["content"].items() >= PROBLEM.items()


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", {"Content-Type": "application/json"}, 400),
        (b" " * 2001, {"Content-Type": "application/json"}, 413),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"{}", {"Content-Type": "application/json"}, 422),
    ],
)
async def test_problem_is_as_documented(
    client: httpx.AsyncClient, document: dict[str, Any], content: bytes, headers: dict[str, str], status: int
) -> None:
    response = await client.post("/predict", content=content, headers=headers)
    assert response.status_code == status
    assert str(status) in document["paths"]["/predict"]["post"]["responses"]
    schema(document, "ProblemDocument").validate(response.json())
    assert set(response.json()) <= set(document["components"]["schemas"]["ProblemDocument"]["properties"])


async def test_answer_is_as_documented(client: httpx.AsyncClient, document: dict[str, Any]) -> None:
    response = await client.post("/predict", json=ROW)
    schema(document, "PredictResponse").validate(response.json())
    assert list(response.json()) == document["components"]["schemas"]["PredictResponse"]["required"]


async def test_answer_to_a_file_is_as_documented(client: httpx.AsyncClient, document: dict[str, Any]) -> None:
    content = csv_body(f"17,yes,a,{LINE}", header=f"number,paid,note,{HEADER}")
    response = await client.post("/predict/file?keep=number", files={"file": content})
    assert response.status_code == 200
    schema(document, "FileResponse").validate(response.json())
    schemas = document["components"]["schemas"]
    assert list(response.json()) == list(schemas["FileResponse"]["properties"])
    assert list(response.json()["metrics"]) == list(schemas["BinaryFileMetrics"]["properties"])


async def test_answer_as_csv_is_as_documented(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict", json=ROW, headers={"Accept": "text/csv"})
    header, line = response.text.splitlines()
    assert header == "prediction,probability no,probability yes"
    assert re.fullmatch(r"(no|yes),0\.\d+,0\.\d+", line)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"years": 30},
        {"years": 5.0},
        {"years": 31},
        {"years": 5.5},
        {"years": "5"},
        {"years": None},
        {"rate": None},
        {"rate": "n/a"},
        {"rate": "?"},
        {"rate": 20},
        {"rate": 20.5},
        {"rate": False},
        {"grade": "?"},
        {"grade": None},
        {"grade": "D"},
        {"secured": 1},
        {"secured": 0.0},
        {"secured": "Yes"},
        {"secured": "1"},
        {"secured": 2},
        {"secured": "perhaps"},
        {"secured": None},
        {"more": 1},
    ],
)
async def test_service_accepts_exactly_the_rows_that_the_schema_describes(
    client: httpx.AsyncClient, document: dict[str, Any], changes: dict[str, Any]
) -> None:
    response = await client.post("/predict", json=ROW | changes)
    described = schema(document, "Row").is_valid(ROW | changes)
    assert response.status_code == (200 if described else 422)


async def test_docs_page_needs_only_this_service(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assets = re.findall(r"""\b(?:src|href)\s*=\s*["']?([^"'\s>]*)""", page.text)
    initializer = await client.get("/static/swagger/initializer.js")
    (document,) = re.findall(r'\burl: "([^"]*)"', initializer.text)
    assert (len(assets), document) == (4, "openapi.json")
    for path in [*assets, document]:
        assert re.match(r"[a-z]+:|/", path) is None, f"{path} is not relative"
        response = await client.get(path)
        assert (path, response.status_code) == (path, 200)
        assert len(response.content) > 100
    assert re.search(r"https?:", page.text) is None
    style = next(path for path in assets if path.endswith(".css"))
    assert re.search(r"url\(\s*[\"']?(https?:)?//|@import", (await client.get(style)).text) is None
