"""What an HTTP answer means."""

from __future__ import annotations

import msgspec
import pytest

from gagarin.kube.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    KubeError,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    error_of,
)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Invalid),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (410, Gone),
        (413, Invalid),
        (422, Invalid),
        (429, TooManyRequests),
        (500, Unavailable),
        (503, Unavailable),
        (302, Unavailable),
    ],
)
def test_the_status_decides_the_kind_of_error(status: int, kind: type[KubeError]) -> None:
    error = error_of(status, b'{"kind":"Status","message":"no"}', {})
    assert type(error) is kind
    assert (str(error), error.status) == ("no", status)


def test_a_conflict_over_a_name_is_told_from_one_over_a_version() -> None:
    body = msgspec.json.encode({"message": "x exists", "reason": "AlreadyExists"})
    error = error_of(409, body, {})
    assert type(error) is AlreadyExists
    assert error.reason == "AlreadyExists"


def test_a_body_that_is_not_a_status_is_quoted_in_part() -> None:
    error = error_of(502, b"<html>" + b"x" * 1000, {})
    assert str(error).startswith("<html>x")
    assert len(str(error)) == 200


def test_an_empty_body_still_gives_a_sentence() -> None:
    assert str(error_of(503, b"", {})) == "the API server answered 503"


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("soon", None), (None, None)])
def test_the_time_to_wait_comes_from_the_header(header: str | None, seconds: float | None) -> None:
    headers = {} if header is None else {"Retry-After": header}
    assert error_of(429, b"{}", headers).retry_after == seconds
