"""Manifests made ready for a machine without a cluster."""

from __future__ import annotations

from typing import Any

from gagarin.cli.offline import without_cluster
from gagarin.core.objects import Key, Object

STUB = "http://127.0.0.1:9/v1"
KEY = Key("Provider", "team", "model")


def provider(url: str | None, key: str | None = "api-key") -> Object:
    spec: dict[str, Any] = {"type": "OpenAICompatible"}
    if url:
        spec["url"] = url
    if key:
        spec["apiKey"] = {"secretKeyRef": {"name": "keys", "key": key}}
    return {"kind": "Provider", "metadata": {"name": "model", "namespace": "team"}, "spec": spec}


def secret(**data: str) -> Object:
    return {"kind": "Secret", "metadata": {"name": "keys", "namespace": "team"}, "data": data}


def test_a_provider_inside_a_cluster_is_answered_by_the_stub() -> None:
    manifests = [provider("http://stub.team.svc/v1"), secret(**{"api-key": "c2s="})]
    objects, stubbed = without_cluster(manifests, STUB)
    assert objects[KEY]["spec"]["url"] == STUB
    assert stubbed == {KEY: "stub.team.svc is inside a cluster"}
    assert objects[Key("Secret", "team", "keys")]["data"] == {"api-key": "c2s="}


def test_a_provider_without_its_key_is_answered_by_the_stub_and_gets_a_stand_in() -> None:
    objects, stubbed = without_cluster([provider("https://models.example/v1")], STUB)
    assert objects[KEY]["spec"]["url"] == STUB
    assert stubbed[KEY] == "there is no Secret keys with the key api-key"
    assert "api-key" in objects[Key("Secret", "team", "keys")]["data"]


def test_a_stand_in_leaves_the_other_keys_of_a_secret_alone() -> None:
    objects, _ = without_cluster([provider(None), secret(other="eA==")], STUB)
    assert set(objects[Key("Secret", "team", "keys")]["data"]) == {"other", "api-key"}


def test_a_provider_with_its_key_is_used_as_it_is() -> None:
    manifests = [provider("https://models.example/v1"), secret(**{"api-key": "c2s="})]
    objects, stubbed = without_cluster(manifests, STUB)
    assert not stubbed
    assert objects[KEY] == manifests[0]


def test_a_provider_that_needs_no_key_is_used_as_it_is() -> None:
    objects, stubbed = without_cluster([provider("http://localhost:11434/v1", key=None)], STUB)
    assert not stubbed
    assert objects[KEY]["spec"]["url"] == "http://localhost:11434/v1"


def test_the_manifests_themselves_are_not_changed() -> None:
    manifest = provider("http://stub.team.svc/v1")
    without_cluster([manifest], STUB)
    assert manifest["spec"]["url"] == "http://stub.team.svc/v1"
