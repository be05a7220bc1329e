"""Files are judged as the API server judges them: the examples of the API, all of them."""

from __future__ import annotations

from typing import Any

import pytest

from gagarin.cli.validation import Fault, faults_of
from tests.unit.api.examples import ACCEPTED, AGENT, REFUSED, TOOL, UNKNOWN_FIELD, Example, item


@pytest.mark.parametrize("example", ACCEPTED, ids=str)
def test_what_the_api_server_takes_is_taken(example: Example) -> None:
    assert faults_of(example.item) == []


@pytest.mark.parametrize("example", [*REFUSED, UNKNOWN_FIELD], ids=str)
def test_what_the_api_server_refuses_is_refused(example: Example) -> None:
    assert faults_of(example.item)


def fault(kind: str, spec: Any) -> Fault:
    (found,) = faults_of(item(kind, spec))
    return found


@pytest.mark.parametrize(
    ("spec", "path", "says"),
    [
        (AGENT | {"promt": "x"}, ("spec", "promt"), "there is no field promt here; did you mean prompt?"),
        (
            AGENT | {"limits": {"zzz": 1}},
            ("spec", "limits", "zzz"),
            "there is no field zzz here; known are maxHistoryMessages, maxInputChars",
        ),
        (AGENT | {"model_ref": {"name": "a"}}, ("spec", "model_ref"), "did you mean modelRef?"),
        (AGENT | {"limits": {"maxToolRounds": "3"}}, ("spec", "limits", "maxToolRounds"), "valid integer"),
        (AGENT | {"limits": {"maxToolRounds": True}}, ("spec", "limits", "maxToolRounds"), "valid integer"),
        (AGENT | {"tools": [{}]}, ("spec", "tools", 0, "toolRef"), "field required"),
    ],
)
def test_a_fault_has_the_path_of_the_field_and_says_what_is_meant(
    spec: Any, path: tuple[str | int, ...], says: str
) -> None:
    found = fault("Agent", spec)
    assert found.path == path
    assert says in found.message


def test_an_unknown_field_in_a_list_of_mappings_is_looked_up_there() -> None:
    spec = TOOL | {"type": "HTTP", "http": {"url": "http://a"}, "functions": [{"name": "f", "parametrs": {}}]}
    messages = [each.message for each in faults_of(item("Tool", spec))]
    assert any("did you mean parameters?" in message for message in messages), messages


def test_an_item_that_is_twice_in_a_list_with_keys_is_named() -> None:
    headers = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    found = fault("Provider", {"type": "OpenAI", "headers": headers})
    assert (found.path, found.message) == (("spec", "headers", 1), "name A is there twice")
    found = fault("Provider", {"type": "OpenAI", "models": ["a", "b", "a"]})
    assert (found.path, found.message) == (("spec", "models", 2), "a is there twice")


@pytest.mark.parametrize(
    ("change", "rule", "path"),
    [
        ({"apiVersion": "gagarin.fyodorov.ai/v1"}, "unknown-version", ("apiVersion",)),
        ({"spec": None}, "schema", ("spec",)),
        ({"spec": [1]}, "schema", ("spec",)),
        ({"sepc": {}}, "unknown-field", ("sepc",)),
        ({"metadata": {"name": "Upper"}}, "schema", ("metadata", "name")),
    ],
)
def test_the_root_is_looked_at_too(change: Any, rule: str, path: tuple[str, ...]) -> None:
    found = faults_of(item("Agent", AGENT) | change)
    assert [(each.rule, each.path) for each in found] == [(rule, path)]
