"""Which ConfigMaps and Secrets a pod reads as files: they must live as long as such pods may be made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gagarin.core.objects import Key


def mounts(namespace: str, pod_spec: dict[str, Any]) -> frozenset[Key]:
    """The keys of all ConfigMaps and Secrets in the volumes of a pod, or of a template of pods."""
    return frozenset(key for volume in pod_spec.get("volumes") or () for key in _of(namespace, volume))


def _of(namespace: str, volume: dict[str, Any]) -> Iterator[Key]:
    """A volume calls a Secret's name `secretName`; the sources of a projected one say `name`."""
    for source in (volume, *(volume.get("projected", {}).get("sources") or ())):
        if (config_map := source.get("configMap")) is not None:
            yield Key("ConfigMap", namespace, config_map["name"])
        if (secret := source.get("secret")) is not None:
            yield Key("Secret", namespace, secret.get("secretName") or secret["name"])
