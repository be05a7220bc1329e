"""Two states of an object, for people."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gagarin.cli.comparison import difference, merged
from gagarin.core.config import FILE_NAME
from gagarin.core.objects import Key, Object, key_of


def item(kind: str = "Service", metadata: Object | None = None, **rest: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": "a", "namespace": "n"} | (metadata or {}),
        **rest,
    }


KEY = key_of(item())


def test_what_the_server_and_the_operator_keep_is_no_difference() -> None:
    kept: Object = {"uid": "u", "resourceVersion": "1", "generation": 3, "managedFields": [{}]}
    annotations = {"gagarin.fyodorov.ai/applied": "x", "deployment.kubernetes.io/revision": "2"}
    live = item(metadata=kept | {"annotations": annotations}, status={"a": 1})
    assert difference(KEY, live, item()) == ""
    assert difference(KEY, live, item(metadata={"annotations": {"mine": "1"}})) != ""


def test_a_difference_names_both_sides() -> None:
    text = difference(KEY, item(spec={"a": 1}), item(spec={"a": 2}))
    assert text.startswith("--- live/Service n/a\n+++ new/Service n/a\n")
    assert "-  a: 1\n+  a: 2" in text


def test_what_is_new_or_goes_has_nothing_on_the_other_side() -> None:
    assert difference(KEY, None, item()).startswith("--- /dev/null\n+++ new/Service n/a")
    assert difference(KEY, item(), None).startswith("--- live/Service n/a\n+++ /dev/null")
    assert difference(KEY, None, None) == ""


def test_a_configuration_is_shown_as_the_document_it_is() -> None:
    before, after = (
        item("ConfigMap", data={FILE_NAME: json.dumps({"prompt": f"One.\n{word}."})})
        for word in ("Two", "Three")
    )
    assert "-      Two.\n+      Three." in difference(Key("ConfigMap", "n", "a"), before, after)


def test_values_of_secrets_are_masked_and_that_they_differ_is_not() -> None:
    key = Key("Secret", "n", "a")
    before, after = (
        item("Secret", data={"same": "c2E=", "other": "b25l"}),
        item("Secret", data={"same": "c2E=", "other": "dHdv"}),
    )
    text = difference(key, before, after)
    assert "-  other: '*** (before)'\n+  other: '*** (after)'" in text
    assert not any(value in text for value in ("c2E=", "b25l", "dHdv"))
    assert difference(key, before, before) == ""
    assert before["data"]["same"] == "c2E="
    assert "+  other: '***'" in difference(key, item("Secret", data={}), after)


def test_what_is_wanted_is_put_into_what_is_there_and_defaults_stay() -> None:
    live = {"ports": [{"port": 1, "protocol": "TCP"}], "type": "ClusterIP", "args": ["a"]}
    assert merged(live, {"ports": [{"port": 2}], "args": ["a", "b"]}) == {
        "ports": [{"port": 2, "protocol": "TCP"}],
        "type": "ClusterIP",
        "args": ["a", "b"],
    }
    assert merged(None, {"a": 1}) == {"a": 1}


@given(st.recursive(st.integers(), lambda inner: st.dictionaries(st.text(max_size=3), inner, max_size=3)))
def test_putting_in_what_is_there_changes_nothing(value: Any) -> None:
    assert merged(value, value) == value
