"""Every example against the Python classes: what is taken, what is refused, and in which words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gagarin.api.crd import crds
from gagarin.api.kinds import SpecError, parse
from tests.unit.api.bounds import AT_THE_BOUNDS
from tests.unit.api.examples import ACCEPTED, REFUSED, UNKNOWN_FIELD, Example


@pytest.mark.parametrize("example", ACCEPTED + AT_THE_BOUNDS, ids=str)
def test_is_taken(example: Example) -> None:
    parse(example.item, unknown="forbid")


@pytest.mark.parametrize("example", REFUSED, ids=str)
def test_is_refused(example: Example) -> None:
    with pytest.raises(SpecError) as refusal:
        parse(example.item)
    assert example.refusal in str(refusal.value)


def test_an_unknown_field_is_refused_in_files_and_ignored_in_a_cluster() -> None:
    parse(UNKNOWN_FIELD.item)
    with pytest.raises(SpecError, match=UNKNOWN_FIELD.refusal):
        parse(UNKNOWN_FIELD.item, unknown="forbid")


def test_every_rule_of_the_crds_has_an_example_that_it_refuses() -> None:
    told = {(example.item["kind"], example.refusal) for example in REFUSED}
    for crd in crds():
        kind = crd["spec"]["names"]["kind"]
        for message in set(_messages(crd)):
            assert any(kind == other and refusal in message for other, refusal in told), (kind, message)


def _messages(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from (rule["message"] for rule in schema.get("x-kubernetes-validations", ()))
        for inner in schema.values():
            yield from _messages(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _messages(inner)
