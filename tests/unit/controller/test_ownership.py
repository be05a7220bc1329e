"""Is a child still what we applied?"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from gagarin.controller.ownership import (
    APPLIED,
    field_set,
    fingerprint,
    is_applied,
    is_controlled_by,
    stamped,
)
from gagarin.core.objects import Object

# A Service as kube-apiserver 1.34 records it: a defaulted key, an atomic map, an owner.
RECORD: Object = {
    "f:metadata": {
        "f:annotations": {f"f:{APPLIED}": {}},
        "f:labels": {"f:app": {}},
        "f:ownerReferences": {'k:{"uid":"u-1"}': {}},
    },
    "f:spec": {
        "f:ports": {
            'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:name": {}, "f:port": {}, "f:targetPort": {}}
        },
        "f:selector": {},
    },
}
MANIFEST = stamped(
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "s",
            "namespace": "a",
            "labels": {"app": "x"},
            "ownerReferences": [{"uid": "u-1", "controller": True}],
        },
        "spec": {
            "selector": {"app": "x"},
            "ports": [{"name": "chat", "port": 80, "targetPort": "chat"}],
        },
    }
)


def live(record: Object = RECORD, **entry: Any) -> Object:
    item = copy.deepcopy(MANIFEST)
    ours = {"manager": "gagarin", "operation": "Apply", "fieldsV1": record, **entry}
    other = {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:metadata": {}}}
    item["metadata"]["managedFields"] = [other, ours]
    return item


def without(*path: str) -> Object:
    """The record without a field, and without what held nothing else: the server keeps no empty sets."""
    record = copy.deepcopy(RECORD)
    holders = [record]
    for part in path[:-1]:
        holders.append(holders[-1][part])
    for part, holder in zip(reversed(path), reversed(holders), strict=True):
        del holder[part]
        if holder:
            break
    return record


def test_a_child_whose_fields_are_all_ours_is_applied() -> None:
    assert is_applied(MANIFEST, live(), field_set(live()))


@pytest.mark.parametrize(
    "path",
    [
        ("f:metadata", "f:labels"),
        ("f:metadata", "f:labels", "f:app"),
        ("f:metadata",),
        ("f:spec", "f:selector"),
        ("f:spec", "f:ports", 'k:{"port":80,"protocol":"TCP"}'),
        ("f:spec", "f:ports", 'k:{"port":80,"protocol":"TCP"}', "f:targetPort"),
    ],
)
def test_a_field_that_somebody_took_is_noticed(path: tuple[str, ...]) -> None:
    item = live(without(*path))
    assert not is_applied(MANIFEST, item, field_set(item))


def test_a_child_that_another_manifest_was_applied_to_is_not_as_wanted() -> None:
    other = stamped({**MANIFEST, "spec": {}})
    assert not is_applied(other, live(), field_set(live()))


@pytest.mark.parametrize("entry", [{"operation": "Update"}, {"manager": "helm"}, {"subresource": "status"}])
def test_only_our_own_applied_fields_count(entry: dict[str, Any]) -> None:
    item = live(RECORD, **entry)
    assert not is_applied(MANIFEST, item, field_set(item))


def test_nothing_is_ours_without_a_record() -> None:
    item = copy.deepcopy(MANIFEST)
    assert not is_applied(MANIFEST, item, field_set(item))


def test_items_of_a_set_are_found_by_their_value() -> None:
    record: Object = {"f:metadata": {"f:finalizers": {".": {}, 'v:"a"': {}}}}
    fields = field_set(live(record))
    assert fields.covers({"metadata": {"finalizers": ["a"]}})
    assert not fields.covers({"metadata": {"finalizers": ["a", "b"]}})


def test_a_value_where_fields_were_is_not_ours() -> None:
    assert not field_set(live()).covers({"spec": {"ports": "none"}})


def test_children_of_one_shape_share_one_set_whoever_owns_them() -> None:
    other = copy.deepcopy(RECORD)
    other["f:metadata"]["f:ownerReferences"] = {'k:{"uid":"u-2"}': {}}
    assert field_set(live()) is field_set(live(other))


def test_the_fingerprint_does_not_depend_on_the_order_of_fields() -> None:
    assert fingerprint({"a": 1, "b": {"c": 2, "d": 3}}) == fingerprint({"b": {"d": 3, "c": 2}, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


def test_stamping_changes_nothing_but_the_annotation() -> None:
    manifest: Object = {"kind": "X", "metadata": {"name": "x", "annotations": {"a": "b"}}}
    before = copy.deepcopy(manifest)
    assert stamped(manifest)["metadata"]["annotations"] == {"a": "b", APPLIED: fingerprint(before)}
    assert manifest == before


def test_only_the_controller_controls() -> None:
    owner = {"uid": "u-1"}
    assert not is_controlled_by({"metadata": {"ownerReferences": [owner]}}, "u-1")
    assert is_controlled_by({"metadata": {"ownerReferences": [owner | {"controller": True}]}}, "u-1")
    assert not is_controlled_by({"metadata": {}}, "u-1")
