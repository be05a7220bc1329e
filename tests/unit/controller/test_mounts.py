"""What a pod reads as files, wherever its volumes say so."""

from __future__ import annotations

from gagarin.controller.mounts import mounts
from gagarin.core.objects import Key


def test_every_way_to_mount_is_seen() -> None:
    projected = [{"secret": {"name": "b"}}, {"configMap": {"name": "d"}}, {"serviceAccountToken": {}}]
    volumes = [
        {"name": "1", "secret": {"secretName": "a"}},
        {"name": "2", "projected": {"sources": projected}},
        {"name": "3", "configMap": {"name": "c"}},
        {"name": "4", "emptyDir": {}},
    ]
    assert mounts("demo", {"volumes": volumes}) == {
        *(Key("Secret", "demo", name) for name in "ab"),
        *(Key("ConfigMap", "demo", name) for name in "cd"),
    }


def test_a_pod_without_volumes_mounts_nothing() -> None:
    assert mounts("demo", {}) == mounts("demo", {"volumes": None}) == frozenset()
