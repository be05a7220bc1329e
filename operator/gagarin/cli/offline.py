"""Manifests made ready for a machine without a cluster.

`gagarin dev` resolves the same objects as the operator. Two things a laptop does not have are put in first:
a Provider that lives inside a cluster, or whose key is not among the files, is served by the stub model
server, and the Secret that holds such a key is stood in for. Nothing else is changed.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from gagarin.core.objects import Key, Object, ObjectMap

STAND_IN_KEY = "no-key"


class Offline(NamedTuple):
    """Objects to resolve, and for each Provider that the stub serves, why."""

    objects: ObjectMap
    stubbed: dict[Key, str]


def without_cluster(manifests: Sequence[Object], stub_url: str) -> Offline:
    """The manifests with unreachable Providers pointed at `stub_url` (an OpenAI-compatible base)."""
    objects = ObjectMap([copy.deepcopy(item) for item in manifests])
    stubbed: dict[Key, str] = {}
    for key, item in list(objects.items()):
        if key.kind == "Provider" and (reason := _why_stubbed(key, item, objects)):
            stubbed[key] = reason
            _point_at_stub(key, item, objects, stub_url)
    return Offline(objects, stubbed)


def _why_stubbed(key: Key, provider: Object, objects: ObjectMap) -> str:
    spec = provider.get("spec") or {}
    host = urlsplit(str(spec.get("url", ""))).hostname or ""
    if host.endswith((".svc", ".svc.cluster.local")):
        return f"{host} is inside a cluster"
    reference = _key_reference(spec)
    if reference and not _secret_has(objects, key.namespace, reference):
        return f"there is no Secret {reference.get('name')} with the key {reference.get('key')}"
    return ""


def _key_reference(spec: dict[str, Any]) -> dict[str, Any]:
    api_key = spec.get("apiKey")
    reference = api_key.get("secretKeyRef") if isinstance(api_key, dict) else None
    return reference if isinstance(reference, dict) else {}


def _secret_has(objects: ObjectMap, namespace: str, reference: dict[str, Any]) -> bool:
    secret = objects.get(Key("Secret", namespace, str(reference.get("name")))) or {}
    return reference.get("key") in (secret.get("data") or {})


def _point_at_stub(key: Key, provider: Object, objects: ObjectMap, stub_url: str) -> None:
    spec = provider["spec"]
    spec["url"] = stub_url
    spec.pop("tls", None)
    reference = _key_reference(spec)
    if reference and not _secret_has(objects, key.namespace, reference):
        _add_stand_in(objects, key.namespace, str(reference.get("name")), str(reference.get("key")))


def _add_stand_in(objects: ObjectMap, namespace: str, name: str, key: str) -> None:
    secret = objects.setdefault(
        Key("Secret", namespace, name),
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": namespace, "name": name}},
    )
    secret.setdefault("data", {})[key] = base64.b64encode(STAND_IN_KEY.encode()).decode()
