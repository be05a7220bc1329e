"""What a real API server makes of the CRDs: defaults, subresources, columns, names."""

from __future__ import annotations

from typing import Any

import pytest

from gagarin.api.kinds import API_VERSION, KINDS
from tests.integration.controlplane import ControlPlane
from tests.unit.api.examples import INSTANCE, PROVIDER, item

COLLECTIONS = f"/apis/{API_VERSION}/namespaces/default"


def make(plane: ControlPlane, resource: dict[str, Any]) -> dict[str, Any]:
    """Create a resource for real, and return what was stored."""
    answer = plane.apply(resource, f"{COLLECTIONS}/{KINDS[resource['kind']].plural}")
    assert answer.status in (200, 201), answer.message
    stored: dict[str, Any] = answer.body
    return stored


def test_a_fresh_resource_says_that_nobody_has_looked_at_it(crds: ControlPlane) -> None:
    assert make(crds, item("Provider", PROVIDER, "fresh"))["status"] == {"observedGeneration": -1}


def test_defaults_are_stored_only_where_the_columns_and_autoscalers_need_them(crds: ControlPlane) -> None:
    spec = make(crds, item("Instance", INSTANCE, "defaults"))["spec"]
    assert spec == INSTANCE | {"replicas": 1, "suspend": False, "history": {"type": "Ephemeral"}}


def test_a_default_is_taken_back_by_choosing_something_else(crds: ControlPlane) -> None:
    make(crds, item("Instance", INSTANCE, "changed"))
    history = {"type": "Postgres", "postgres": {"secretKeyRef": {"name": "db", "key": "url"}}}
    assert (
        make(crds, item("Instance", INSTANCE | {"history": history}, "changed"))["spec"]["history"] == history
    )


def test_null_in_overridden_params_is_kept(crds: ControlPlane) -> None:
    params = {"temperature": None, "reasoningEffort": None, "stop": None, "extraParams": {"top_k": None}}
    stored = make(crds, item("Instance", INSTANCE | {"overrides": {"params": params}}, "nulls"))
    assert stored["spec"]["overrides"]["params"] == params


def test_an_autoscaler_finds_the_scale_of_an_instance(crds: ControlPlane) -> None:
    make(crds, item("Instance", INSTANCE | {"history": {"type": "None"}}, "scaled"))
    path = f"{COLLECTIONS}/instances/scaled"
    status = {"status": {"replicas": 1, "selector": "gagarin.fyodorov.ai/instance=scaled"}}
    assert crds.call("PATCH", f"{path}/status", status, "application/merge-patch+json").status == 200
    scale = crds.call("GET", f"{path}/scale").body
    assert (scale["spec"]["replicas"], scale["status"]["replicas"]) == (1, 1)
    assert scale["status"]["selector"] == "gagarin.fyodorov.ai/instance=scaled"
    crds.call("PATCH", f"{path}/scale", {"spec": {"replicas": 4}}, "application/merge-patch+json")
    assert crds.call("GET", path).body["spec"]["replicas"] == 4


def test_scaling_beyond_what_the_history_allows_is_refused(crds: ControlPlane) -> None:
    make(crds, item("Instance", INSTANCE, "single"))
    path = f"{COLLECTIONS}/instances/single/scale"
    answer = crds.call("PATCH", path, {"spec": {"replicas": 2}}, "application/merge-patch+json")
    assert (answer.status, "allows one replica" in answer.message) == (422, True)


def test_kinds_are_found_by_short_name_and_category(crds: ControlPlane) -> None:
    resources = crds.call("GET", f"/apis/{API_VERSION}").body["resources"]
    served = {each["kind"]: each for each in resources if "/" not in each["name"]}
    assert {kind: served[kind]["shortNames"] for kind in KINDS} == {
        kind: [described.short_name] for kind, described in KINDS.items()
    }
    assert all(served[kind]["categories"] == ["gagarin"] for kind in KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_explained(crds: ControlPlane, kind: str) -> None:
    schemas = crds.call("GET", f"/openapi/v3/apis/{API_VERSION}").body["components"]["schemas"]
    served = schemas[f"ai.fyodorov.gagarin.v1alpha1.{kind}"]["properties"]
    assert _undescribed(served["spec"], "spec") + _undescribed(served["status"], "status") == []


def _undescribed(schema: dict[str, Any], path: str) -> list[str]:
    found = [] if schema.get("description") else [path]
    for name, field in schema.get("properties", {}).items():
        found += _undescribed(field, f"{path}.{name}")
    inner = schema.get("items", {})
    if inner.get("properties"):
        found += _undescribed(inner, f"{path}[]")
    return found
