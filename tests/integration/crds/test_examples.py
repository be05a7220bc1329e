"""Every example against a real API server: what it takes, what it refuses, and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from gagarin.api.kinds import API_VERSION, KINDS
from tests.integration.controlplane import Answer, ControlPlane
from tests.unit.api.bounds import AT_THE_BOUNDS
from tests.unit.api.examples import ACCEPTED, REFUSED, UNKNOWN_FIELD, Example


def create(
    plane: ControlPlane, resource: dict[str, Any], query: str = "dryRun=All&fieldValidation=Strict"
) -> Answer:
    plural = KINDS[resource["kind"]].plural
    return plane.call("POST", f"/apis/{API_VERSION}/namespaces/default/{plural}?{query}", resource)


@pytest.mark.parametrize("example", ACCEPTED + AT_THE_BOUNDS, ids=str)
def test_is_taken(crds: ControlPlane, example: Example) -> None:
    answer = create(crds, example.item)
    assert answer.status == 201, answer.message


@pytest.mark.parametrize("example", [*REFUSED, UNKNOWN_FIELD], ids=str)
def test_is_refused(crds: ControlPlane, example: Example) -> None:
    answer = create(crds, example.item)
    assert answer.status in (400, 422), answer
    assert example.refusal in answer.message
