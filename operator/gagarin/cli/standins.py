"""Secrets that are not among the files, as if they were there: keys are rarely kept beside manifests.

What an Instance becomes depends on which keys of a Secret are used, hardly ever on their values; so each
missing Secret is stood in for by one that has exactly the keys asked for. Whoever uses this says so to the
user.
"""

from __future__ import annotations

import base64
from collections.abc import Container, Iterator, Mapping
from typing import Any

from gagarin.core.graph import OUR_KINDS
from gagarin.core.objects import Key, Object, ObjectMap

VALUE = "stand-in"
# A certificate of nobody, for places where only a certificate will do. It expired on 2 January 2020.
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBEjCBuaADAgECAgEBMAoGCCqGSM49BAMCMBMxETAPBgNVBAMMCHN0YW5kLWlu
MB4XDTIwMDEwMTAwMDAwMFoXDTIwMDEwMjAwMDAwMFowEzERMA8GA1UEAwwIc3Rh
bmQtaW4wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARbCcK+9Cko0OGYpv0pzMqp
aGp60d3laGZa6cUSNZ2ciJyLcIOmCDB3EYM7mcg6iSMDDTU5XljEclsCxcXBdqjK
MAoGCCqGSM49BAMCA0gAMEUCIQDYtwkqWe24MKQ+VDdTQLJ3gNfu4qOriRgyWgGY
qx6uOQIgde5dumgS1G8RIqHETm1Qs2y6OJSZiswkv6JAdXOoWHw=
-----END CERTIFICATE-----
"""


def with_stand_ins(
    objects: ObjectMap, label: str = "", only: Container[Key] | None = None
) -> tuple[ObjectMap, frozenset[Key]]:
    """The objects with every missing Secret (of those in `only`) stood in for, and which ones those are.

    `label` is the one that the policy wants on Secrets, KEY or KEY=VALUE.
    """
    completed = ObjectMap(list(objects.values()))
    missing = {
        secret: data
        for secret, data in secrets_wanted(objects).items()
        if secret not in objects and (only is None or secret in only)
    }
    for secret, data in missing.items():
        completed[secret] = _stand_in(secret, data, label)
    return completed, frozenset(missing)


def secrets_wanted(objects: ObjectMap) -> dict[Key, dict[str, str]]:
    """Every Secret that our kinds refer to, and for each key that is used a value that could stand in."""
    wanted: dict[Key, dict[str, str]] = {}
    for key, item in objects.items():
        if key.kind in OUR_KINDS:
            for secret, data in _wanted(key.namespace, item.get("spec")):
                wanted.setdefault(secret, {}).update(data)
    return wanted


def _wanted(namespace: str, value: Any, parent: str = "") -> Iterator[tuple[Key, dict[str, str]]]:
    """Every key of a Secret that is asked for somewhere in a spec, with a value to stand in for it."""
    if isinstance(value, list):
        for inner in value:
            yield from _wanted(namespace, inner, parent)
    if not isinstance(value, Mapping):
        return
    if isinstance(name := value.get("secretName"), str):
        yield Key("Secret", namespace, name), {"tls.crt": CERTIFICATE, "tls.key": VALUE}
    for field, inner in value.items():
        if field == "secretKeyRef" and isinstance(inner, Mapping) and isinstance(inner.get("name"), str):
            text = CERTIFICATE if parent == "caBundle" else VALUE
            yield Key("Secret", namespace, inner["name"]), {str(inner.get("key")): text}
        yield from _wanted(namespace, inner, str(field))


def _stand_in(key: Key, data: dict[str, str], label: str) -> Object:
    name, _, value = label.partition("=")
    metadata = {"namespace": key.namespace, "name": key.name, "labels": {name: value} if name else {}}
    encoded = {field: base64.b64encode(text.encode()).decode() for field, text in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded}
