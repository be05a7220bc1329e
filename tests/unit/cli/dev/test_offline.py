"""Manifests made ready for a machine without a cluster."""

from __future__ import annotations

from typing import Any

from gagarin.cli.dev.offline import Offline, host_of, without_cluster
from gagarin.core.objects import Key, Object, ObjectMap

STUB = "http://127.0.0.1:9/v1"
KEY = Key("Provider", "team", "model")


def provider(url: str | None, key: str | None = "api-key") -> Object:
    spec: dict[str, Any] = {"type": "OpenAICompatible"}
    if url:
        spec["url"] = url
    if key:
        spec["apiKey"] = {"secretKeyRef": {"name": "keys", "key": key}}
    return {"kind": "Provider", "metadata": {"name": "model", "namespace": "team"}, "spec": spec}


def offline(*manifests: Object) -> Offline:
    return without_cluster(ObjectMap(list(manifests)), STUB)


def secret(**data: str) -> Object:
    return {"kind": "Secret", "metadata": {"name": "keys", "namespace": "team"}, "data": data}


def test_a_provider_inside_a_cluster_is_answered_by_the_stub() -> None:
    found = offline(provider("http://stub.team.svc/v1"), secret(**{"api-key": "c2s="}))
    assert found.objects[KEY]["spec"]["url"] == STUB
    assert [str(lack) for lack in found.lacks] == [
        "Provider team/model: answered by the stub model server: stub.team.svc is inside a cluster"
    ]
    assert found.objects[Key("Secret", "team", "keys")]["data"] == {"api-key": "c2s="}
    assert not found.stand_ins


def test_a_provider_without_its_key_is_answered_by_the_stub_and_gets_a_stand_in() -> None:
    found = offline(provider("https://models.example/v1"))
    assert found.objects[KEY]["spec"]["url"] == STUB
    assert "no Secret team/keys with the key api-key, and no variable KEYS_API_KEY" in str(found.lacks[0])
    assert "api-key" in found.objects[Key("Secret", "team", "keys")]["data"]
    assert found.stand_ins == {"team/keys/api-key"}


def test_the_stub_gets_no_headers_and_no_certificate_of_the_provider() -> None:
    manifest = provider("http://stub.team.svc/v1", key=None)
    manifest["spec"]["headers"] = [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "k", "key": "x"}}}]
    manifest["spec"]["tls"] = {"caBundle": {"configMapKeyRef": {"name": "ca", "key": "ca.crt"}}}
    assert set(offline(manifest).objects[KEY]["spec"]) == {"type", "url"}


def test_a_stand_in_leaves_the_other_keys_of_a_secret_alone() -> None:
    found = offline(provider(None), secret(other="eA=="))
    assert set(found.objects[Key("Secret", "team", "keys")]["data"]) == {"other", "api-key"}


def test_a_provider_with_its_key_is_used_as_it_is() -> None:
    manifest = provider("https://models.example/v1")
    found = offline(manifest, secret(**{"api-key": "c2s="}))
    assert not found.lacks
    assert found.objects[KEY] == manifest


def test_a_provider_that_needs_no_key_is_used_as_it_is() -> None:
    found = offline(provider("http://localhost:11434/v1", key=None))
    assert not found.lacks
    assert found.objects[KEY]["spec"]["url"] == "http://localhost:11434/v1"


def test_the_manifests_themselves_are_not_changed() -> None:
    manifest = provider("http://stub.team.svc/v1")
    offline(manifest)
    assert manifest["spec"]["url"] == "http://stub.team.svc/v1"


def test_what_is_no_address_has_no_host() -> None:
    assert host_of("http://[::1") == ""
    assert host_of(7) == ""
