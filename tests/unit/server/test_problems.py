"""What a chat server answers when it cannot do what it was asked."""

from __future__ import annotations

import pytest

from gagarin.server import problems
from gagarin.server.errors import ProviderError
from gagarin.serving.errors import Problem
from gagarin.serving.problems import (
    body_too_large,
    body_too_slow,
    forbidden,
    internal,
    invalid_header,
    invalid_query,
    malformed,
    method_not_allowed,
    no_such_route,
)


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
        malformed(""),
        problems.invalid("", ""),
        invalid_header("", ""),
        invalid_query("", ""),
        body_too_large(1),
        body_too_slow(1),
        forbidden("", "create", ""),
        problems.access_unknown(),
        problems.history_unavailable(),
        problems.unknown_conversation(""),
        no_such_route(""),
        method_not_allowed("", "", ()),
        problems.too_many_chats(1),
        problems.too_slow(1),
        internal(),
    ]
    assert len({problem.slug for problem in made}) == len(made)
