"""Permission between namespaces: label selectors as Kubernetes reads them."""

from __future__ import annotations

import pytest

from gagarin.api.fields import LabelSelector
from gagarin.api.references import AllowedNamespaces
from gagarin.core.objects import ObjectMap
from gagarin.core.permission import is_open_to, labels_of_namespace, selects
from tests.unit.core import builders as a

LABELS = {"team": "red", "env": "prod"}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({}, True),
        ({"matchLabels": {"team": "red"}}, True),
        ({"matchLabels": {"team": "red", "env": "test"}}, False),
        ({"matchExpressions": [{"key": "team", "operator": "In", "values": ["red", "blue"]}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "In", "values": ["blue"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["x"]}]}, False),
        ({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["red"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["x"]}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}, False),
    ],
    ids=str,
)
def test_a_selector_takes_labels_for_which_everything_in_it_holds(
    selector: dict[str, object], expected: bool
) -> None:
    assert selects(LabelSelector.model_validate(selector), LABELS) is expected


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        ({}, False),
        ({"from": "Same"}, False),
        ({"from": "All"}, True),
        ({"from": "Selector", "selector": {"matchLabels": {"team": "red"}}}, True),
        ({"from": "Selector", "selector": {"matchLabels": {"team": "blue"}}}, False),
    ],
    ids=str,
)
def test_a_resource_opens_itself_to_others(allowed: dict[str, object], expected: bool) -> None:
    objects = ObjectMap([a.namespace("red", **LABELS)])
    assert is_open_to(AllowedNamespaces.model_validate(allowed), "red", objects) is expected


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({"matchExpressions": [{"key": "suspended", "operator": "DoesNotExist"}]}, False),
        ({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["blue"]}]}, False),
        ({"matchLabels": {"kubernetes.io/metadata.name": "red"}}, True),
        ({}, True),
    ],
    ids=str,
)
def test_a_namespace_whose_labels_are_not_known_is_not_taken_to_lack_any(
    selector: dict[str, object], expected: bool
) -> None:
    allowed = AllowedNamespaces.model_validate({"from": "Selector", "selector": selector})
    assert is_open_to(allowed, "red", ObjectMap()) is expected


def test_every_namespace_has_its_name_as_a_label() -> None:
    assert labels_of_namespace("red", ObjectMap()) == {"kubernetes.io/metadata.name": "red"}
    known = labels_of_namespace("red", ObjectMap([a.namespace("red", team="red")]))
    assert known == {"kubernetes.io/metadata.name": "red", "team": "red"}
