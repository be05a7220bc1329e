"""Problem documents say what and where."""

from __future__ import annotations

import msgspec

from gagarin.serving.errors import Problem
from gagarin.serving.problems import body_too_large, invalid_header, problem_document, problem_response


def test_a_document_has_the_members_of_rfc_9457() -> None:
    assert problem_document(invalid_header("Gagarin-Depth", "it is empty")) == {
        "type": "https://gagarin.fyodorov.ai/problems/invalid-header",
        "title": "A header is wrong",
        "status": 400,
        "detail": "Gagarin-Depth: it is empty",
        "errors": ({"pointer": "Gagarin-Depth", "detail": "it is empty"},),
    }


def test_further_members_stand_beside_them() -> None:
    problem = Problem(409, "half-done", "Half done", "one of two", more={"done": ["Model a"]})
    assert problem_document(problem)["done"] == ["Model a"]


def test_a_response_is_a_problem_document() -> None:
    response = problem_response(Problem(429, "busy", "Busy", "wait", headers={"Retry-After": "1"}))
    assert (response.status, response.content_type) == (429, "application/problem+json")
    assert response.headers["Retry-After"] == "1"
    assert isinstance(response.body, bytes)
    assert msgspec.json.decode(response.body)["status"] == 429


def test_a_connection_whose_request_was_not_read_is_closed() -> None:
    assert problem_response(body_too_large(1)).keep_alive is False
