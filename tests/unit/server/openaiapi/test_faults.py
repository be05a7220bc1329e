"""Errors as OpenAI's clients know them."""

from __future__ import annotations

import msgspec
import pytest

from gagarin.server import problems
from gagarin.server.openaiapi import faults
from gagarin.serving.errors import Problem
from gagarin.serving.problems import body_too_large


def test_a_problem_is_told_in_openai_s_words() -> None:
    problem = problems.invalid("#/messages/0/content/12/text", "it is empty")
    response = faults.response(problem)
    assert (response.status, response.content_type) == (400, "application/json")
    assert isinstance(response.body, bytes)
    assert msgspec.json.decode(response.body) == {
        "error": {
            "message": "#/messages/0/content/12/text: it is empty",
            "type": "invalid_request_error",
            "param": "messages[0].content[12].text",
            "code": "invalid-field",
        }
    }


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (429, "rate_limit_error"),
        (502, "server_error"),
        (503, "server_error"),
    ],
)
def test_each_status_has_its_type(status: int, kind: str) -> None:
    assert faults.body(Problem(status, "slug", "title", "detail")).error.type == kind


@pytest.mark.parametrize(
    ("where", "param"), [("#", None), ("#/model", "model"), ("Idempotency-Key", "Idempotency-Key")]
)
def test_a_place_is_written_as_openai_writes_it(where: str, param: str | None) -> None:
    assert faults.body(problems.invalid(where, "wrong")).error.param == param


def test_headers_and_the_end_of_the_connection_are_kept() -> None:
    assert faults.response(problems.too_many_chats(1)).headers["Retry-After"] == "1"
    assert faults.response(body_too_large(1)).keep_alive is False
