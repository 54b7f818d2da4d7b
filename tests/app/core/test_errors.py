from app.core.errors import Problem, ProblemDocument


def test_document_of_a_problem_has_four_members() -> None:
    document = Problem(413, "body-too-large", "The body may have at most 5 bytes.").document()
    assert document == {
        "type": "urn:problem:body-too-large",
        "title": "Body too large",
        "status": 413,
        "detail": "The body may have at most 5 bytes.",
    }


def test_document_of_a_problem_lists_errors_and_counts_the_omitted() -> None:
    errors = [{"loc": ["inputs", 0, "years"], "msg": "Must be true or false.", "type": "bool_type"}]
    document = Problem(422, "invalid-rows", "2 errors.", errors=errors, errors_omitted=1).document()
    assert document == {
        "type": "urn:problem:invalid-rows",
        "title": "Invalid rows",
        "status": 422,
        "detail": "2 errors.",
        "errors": [{"loc": ["inputs", 0, "years"], "msg": "Must be true or false.", "type": "bool_type"}],
        "errors_omitted": 1,
    }
    assert ProblemDocument.model_validate(document).model_dump() == document
