from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest

from gagarin.stub import record
from gagarin.stub.record import Record


def shown(subject: Record) -> list[dict[str, Any]]:
    requests: list[dict[str, Any]] = msgspec.json.decode(subject.encode())["requests"]
    return requests


def test_the_oldest_requests_are_forgotten_first() -> None:
    subject = Record(2)
    for path in "abc":
        subject.add("GET", path, [], b"")
    assert [item["path"] for item in shown(subject)] == ["b", "c"]
    assert subject.total == 3


def test_large_bodies_are_bounded_too() -> None:
    subject = Record(1000)
    for _ in range(5):
        subject.add("POST", "/", [], bytes(16 * 1024 * 1024))
    assert len(shown(subject)) == 4


@pytest.mark.parametrize("name", ["Authorization", "api-key", "X-Api-Key", "x-goog-api-key", "Cookie"])
def test_credentials_are_shown_as_a_fingerprint(name: str) -> None:
    subject = Record(1)
    subject.add("GET", "/", [(name, "s3cret-value")], b"")
    digest = hashlib.sha256(b"s3cret-value").hexdigest()
    assert shown(subject)[0]["headers"] == {name.lower(): f"sha256:{digest[:12]}"}


def test_the_fingerprint_is_that_of_the_key_without_its_scheme() -> None:
    assert record.fingerprint("Bearer key-1") == record.fingerprint("key-1")


def test_a_header_that_is_sent_twice_is_shown_once() -> None:
    subject = Record(1)
    subject.add("GET", "/", [("X-A", "1"), ("x-a", "2")], b"")
    assert shown(subject)[0]["headers"] == {"x-a": "1, 2"}


@pytest.mark.parametrize(
    ("body", "value"), [(b'{"a": 1}', {"a": 1}), (b"no json", "no json"), (b"\xff", "\ufffd"), (b"", "")]
)
def test_a_body_is_shown_as_json_or_as_text(body: bytes, value: Any) -> None:
    subject = Record(1)
    subject.add("POST", "/", [], body)
    assert shown(subject)[0]["body"] == value


def test_a_cleared_record_counts_from_one() -> None:
    subject = Record(5)
    subject.add("GET", "/", [], b"x")
    subject.clear()
    assert shown(subject) == []
    assert subject.add("GET", "/", [], b"") == 1
