"""The newest version of every object, and no older."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.controller.store import Store, owner_of
from gagarin.core.names import labels
from gagarin.core.objects import Key, Object, key_of

INSTANCE = Key("Instance", "demo", "support")


def item(version: int, kind: str = "Agent", name: str = "a", **metadata: Any) -> Object:
    own = {"namespace": "demo", "name": name, "resourceVersion": str(version)}
    return {"kind": kind, "metadata": own | metadata}


def child(version: int, kind: str = "Service", name: str = "support") -> Object:
    return item(version, kind, name, labels=labels("support"))


@given(st.permutations([*range(1, 7)]))
def test_in_whatever_order_news_comes_the_newest_stays(order: list[int]) -> None:
    store = Store()
    for version in order:
        store.put(item(version))
    found = store.get(Key("Agent", "demo", "a"))
    assert found is not None
    assert found["metadata"]["resourceVersion"] == "6"


def test_the_same_version_is_no_news() -> None:
    store = Store()
    assert [store.put(item(5)), store.put(item(5)), store.put(item(4)), store.put(item(6))] == [
        True,
        False,
        False,
        True,
    ]


def test_versions_are_compared_as_numbers() -> None:
    store = Store()
    store.put(item(9))
    assert store.put(item(10))


def test_old_news_does_not_bring_back_the_deleted() -> None:
    store, key = Store(), key_of(item(1))
    store.put(item(5))
    assert store.drop(key, 7)
    assert not store.put(item(6))
    assert store.put(item(8))


def test_an_old_deletion_does_not_remove_the_new() -> None:
    store, key = Store(), key_of(item(1))
    store.put(item(8))
    assert store.drop(key, 7) is None
    assert store.get(key) is not None


def test_what_is_only_forgotten_may_come_back_as_it_was() -> None:
    store, key = Store(), key_of(item(1))
    store.put(item(5))
    store.forget(key)
    assert store.get(key) is None
    assert store.put(item(5))


def test_children_are_found_by_their_instance() -> None:
    store = Store()
    for each in (child(1), child(2, "Pod", "p"), child(3, "ConfigMap", "c"), item(4, "Pod", "stranger")):
        store.put(each)
    assert [each["kind"] for each in store.children(INSTANCE, "Service", "Pod")] == ["Pod", "Service"]
    store.drop(Key("Pod", "demo", "p"), 9)
    assert store.children(INSTANCE, "Pod") == []


def test_a_child_that_changes_its_label_changes_its_instance() -> None:
    store = Store()
    store.put(child(1))
    store.put(item(2, "Service", "support", labels=labels("other")))
    assert store.children(INSTANCE, "Service") == []
    assert len(store.children(Key("Instance", "demo", "other"), "Service")) == 1


@pytest.mark.parametrize(
    "other",
    [
        item(1, "Service", labels={"gagarin.fyodorov.ai/instance": "support"}),
        item(1, "Namespace", labels=labels("support")),
        item(1, "Service"),
    ],
)
def test_who_is_not_managed_by_us_has_no_owner(other: Object) -> None:
    assert owner_of(other) is None


def test_what_the_operator_does_not_use_is_not_kept() -> None:
    store = Store()
    applied = "kubectl.kubernetes.io/last-applied-configuration"
    store.put(item(1, managedFields=[{"manager": "x"}], annotations={applied: "{}", "a": "b"}))
    found = store.get(Key("Agent", "demo", "a"))
    assert found is not None
    assert "managedFields" not in found["metadata"]
    assert found["metadata"]["annotations"] == {"a": "b"}


def test_when_a_secret_was_modified_is_kept_without_who_did_it() -> None:
    store, key = Store(), Key("Secret", "demo", "a")
    times = [{"time": "2030-01-02T00:00:00Z"}, {"time": "2030-01-01T00:00:00Z"}]
    store.put(item(1, "Secret", managedFields=times))
    assert store.modified(key) == "2030-01-02T00:00:00Z"
    store.put(item(2, "Secret", creationTimestamp="2029-01-01T00:00:00Z"))
    assert store.modified(key) == "2029-01-01T00:00:00Z"
    store.drop(key, 3)
    assert store.modified(key) == ""


def test_what_was_noted_of_a_child_holds_until_our_fields_or_our_mark_change() -> None:
    store, key = Store(), Key("Service", "demo", "support")
    ours = [{"manager": "gagarin", "operation": "Apply", "fieldsV1": {"f:spec": {"f:type": {}}}}]

    def seen(version: int, fields: list[Object], mark: str) -> str | None:
        marks = {"gagarin.fyodorov.ai/applied": mark}
        metadata = {"labels": labels("support"), "managedFields": fields, "annotations": marks}
        store.put(item(version, "Service", "support", **metadata))
        return store.found_applied(key)

    assert seen(1, ours, "f") is None
    store.note_applied(key, "f")
    assert seen(2, ours, "f") == "f"
    assert seen(3, [], "f") is None
    store.note_applied(key, "f")
    assert seen(4, [], "g") is None


def test_keys_are_listed_by_kind_and_namespace() -> None:
    store = Store()
    store.put(item(1))
    store.put(item(2, name="b", namespace="far"))
    store.put(item(3, "Tool"))
    assert {key.name for key in store.keys("Agent")} == {"a", "b"}
    assert [key.name for key in store.keys("Agent", "far")] == ["b"]
    assert len(store) == 3
