"""Problem documents say what and where."""

from __future__ import annotations

import msgspec
import pytest

from gagarin.server import problems
from gagarin.server.errors import Problem, ProviderError


def test_a_document_has_the_members_of_rfc_9457() -> None:
    assert msgspec.to_builtins(problems.document(problems.invalid("#/input", "it is empty"))) == {
        "type": "https://gagarin.fyodorov.ai/problems/invalid-field",
        "title": "A field is wrong",
        "status": 422,
        "detail": "#/input: it is empty",
        "errors": ({"pointer": "#/input", "detail": "it is empty"},),
    }


def test_a_response_is_a_problem_document() -> None:
    response = problems.response(problems.too_many_chats(3))
    assert (response.status, response.content_type) == (429, "application/problem+json")
    assert response.headers["Retry-After"] == "1"
    assert isinstance(response.body, bytes)
    assert msgspec.json.decode(response.body)["status"] == 429


def test_a_refused_token_is_challenged_without_breaking_the_header() -> None:
    problem = problems.unauthorized('it says "\\no\\"')
    assert problem.headers["WWW-Authenticate"] == (
        'Bearer realm="gagarin", error="invalid_token", error_description="it says \'no\'"'
    )


def test_a_missing_token_is_challenged_without_an_error_and_told_the_audience() -> None:
    problem = problems.no_token(("a.b.svc", "gagarin.b.svc"))
    assert problem.headers["WWW-Authenticate"] == 'Bearer realm="gagarin"'
    assert "a.b.svc or gagarin.b.svc" in problem.detail


@pytest.mark.parametrize(
    ("error", "status", "headers"),
    [
        (ProviderError("n/p", "status", "answered 500"), 502, {}),
        (ProviderError("n/p", "timeout", "did not answer"), 504, {}),
        (ProviderError("n/p", "status", "answered 429", retry_after=1.2), 502, {"Retry-After": "2"}),
    ],
)
def test_a_failing_provider_is_a_502_and_a_slow_one_a_504(
    error: ProviderError, status: int, headers: dict[str, str]
) -> None:
    problem = problems.provider_failed(error)
    assert (problem.status, problem.headers) == (status, headers)
    assert "n/p" in problem.detail


def test_every_problem_has_another_kind_unless_it_is_the_same() -> None:
    made: list[Problem] = [
        problems.malformed(""),
        problems.invalid("", ""),
        problems.invalid_header("", ""),
        problems.invalid_query("", ""),
        problems.body_too_large(1),
        problems.body_too_slow(1),
        problems.forbidden("", "create", ""),
        problems.access_unknown(),
        problems.history_unavailable(),
        problems.unknown_conversation(""),
        problems.no_such_route(""),
        problems.method_not_allowed("", "", ()),
        problems.too_many_chats(1),
        problems.too_slow(1),
        problems.internal(),
    ]
    assert len({problem.slug for problem in made}) == len(made)
