"""The chain of an Instance, as a tree and as data, and lists."""

from __future__ import annotations

import io
from typing import Any

import pytest
import yaml
from rich.console import Console

from gagarin.cli.chain import Chain, Link, PodState, chain_of, instances, verdict
from gagarin.cli.errors import CommandError
from gagarin.cli.listing import as_document, as_table, checked_format
from gagarin.cli.picture import as_data, as_tree, row
from gagarin.core.objects import Key, Object
from gagarin.kube.client import KubeClient
from gagarin.kube.endpoint import Endpoint
from tests.unit.client.instance import Instance, saying

NOW = "2030-01-01T00:00:00Z"
HELPER, AGENT = Key("Instance", "team-a", "helper"), Key("Agent", "team-a", "helper")
PROVIDER, SECRET = Key("Provider", "team-a", "openai"), Key("Secret", "team-a", "openai")


def chain(**changed: Any) -> Chain:
    members: dict[str, Any] = {
        "instance": HELPER,
        "ready": False,
        "reason": "RefNotFound",
        "message": "Secret team-a/openai does not exist",
        "url": "",
        "links": {
            HELPER: Link(HELPER, "wrong", ["RefNotFound: Secret team-a/openai does not exist"], [AGENT]),
            AGENT: Link(AGENT, "ok", [], [PROVIDER]),
            PROVIDER: Link(PROVIDER, "wrong", ["RefNotFound: no Secret", "InvalidSpec: url"], [SECRET]),
            SECRET: Link(SECRET, "missing"),
        },
        "pods": [],
    }
    return Chain(**members | changed)


def drawn(found: Chain) -> str:
    console = Console(file=io.StringIO(), width=120, color_system=None)
    console.print(as_tree(found))
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def test_the_picture_leads_from_the_instance_to_what_is_missing() -> None:
    assert drawn(chain()) == (
        "✗ Instance team-a/helper  not Ready: RefNotFound: Secret team-a/openai does not exist\n"
        "├── ✓ Agent team-a/helper\n"
        "│   └── ✗ Provider team-a/openai  RefNotFound: no Secret\n"
        "│           InvalidSpec: url\n"
        "│       └── ✗ Secret team-a/openai  does not exist\n"
        "└── no pods"
    )


def test_one_that_is_ready_shows_its_url_and_its_pods() -> None:
    pods = [
        PodState("helper-1", "Running", True, 0),
        PodState("helper-2", "Pending", False, 3, "ImagePullFailed: no such image"),
    ]
    links = {HELPER: Link(HELPER, "ok", [], [])}
    text = drawn(chain(ready=True, url="http://helper.team-a.svc", links=links, pods=pods))
    assert text == (
        "✓ Instance team-a/helper  Ready\n"
        "├── http://helper.team-a.svc\n"
        "├── ✓ Pod helper-1  Running\n"
        "└── ✗ Pod helper-2  Pending, 3 restarts  ImagePullFailed: no such image"
    )


def test_what_may_not_be_seen_is_said() -> None:
    links = {
        HELPER: Link(HELPER, "wrong", ["InvalidSpec: another thing"], [SECRET]),
        SECRET: Link(SECRET, "unreadable", ["secrets is forbidden"]),
    }
    text = drawn(chain(links=links, pods=None))
    assert "InvalidSpec: another thing" in text
    assert "? Secret team-a/openai  you may not read it" in text
    assert "? Pods: you may not see them" in text


def test_a_circle_ends_where_it_closes() -> None:
    links = {HELPER: Link(HELPER, "ok", [], [AGENT]), AGENT: Link(AGENT, "ok", [], [HELPER])}
    assert drawn(chain(links=links)).count("(a circle)") == 1


def test_programs_get_the_same_as_data() -> None:
    data = as_data(chain(pods=[PodState("helper-1", "Running", True, 0)]))
    assert (data["instance"]["name"], data["ready"], data["reason"]) == ("helper", False, "RefNotFound")
    assert [each["state"] for each in data["objects"]] == ["wrong", "ok", "wrong", "missing"]
    assert data["objects"][0]["refersTo"] == [{"kind": "Agent", "namespace": "team-a", "name": "helper"}]
    assert data["pods"][0]["name"] == "helper-1"
    assert as_data(chain(pods=None))["pods"] is None


def item(generation: int = 1, **status: Any) -> Object:
    return {
        "kind": "Instance",
        "metadata": {"name": "helper", "namespace": "team-a", "generation": generation},
        "status": status,
    }


def test_the_verdict_is_the_operator_s_and_only_of_the_newest_spec() -> None:
    ready = {"type": "Ready", "status": "True", "reason": "Ready", "message": ""}
    assert verdict(item(conditions=[ready], observedGeneration=1)) == (True, "Ready", "")
    for stale in (item(2, conditions=[ready], observedGeneration=1), item()):
        assert verdict(stale)[:2] == (False, "NotObserved")
    assert row(item(conditions=[ready], observedGeneration=1, model="openai/gpt")) == (
        *("team-a", "helper", "True", "Ready", "openai/gpt", ""),
    )


def test_formats() -> None:
    value = [{"name": "é", "ready": True}]
    assert as_document(value, "json") == '[\n  {\n    "name": "é",\n    "ready": true\n  }\n]'
    assert yaml.safe_load(as_document(value, "yaml")) == value
    assert as_table(("name", "ready"), [("a", "True")]).row_count == 1
    assert checked_format("yaml") == "yaml"
    with pytest.raises(CommandError, match="'xml' is not one of table, json, yaml"):
        checked_format("xml")


@pytest.mark.parametrize(
    ("status", "says"), [(404, "does not exist"), (403, "may not be read by you"), (500, "cannot be read")]
)
async def test_an_instance_that_cannot_be_had_is_told(status: int, says: str) -> None:
    server = Instance(saying({"message": "x", "code": status}, status))
    await server.start()
    async with KubeClient(Endpoint(server.url, token="t")) as client:
        with pytest.raises(CommandError, match=says):
            await chain_of(client, HELPER, NOW)
    await server.stop()


@pytest.mark.parametrize(
    ("status", "says"), [(404, "install the chart gagarin-crds"), (403, "cannot be read")]
)
async def test_a_list_that_cannot_be_had_is_told(status: int, says: str) -> None:
    server = Instance(saying({"message": "x", "code": status}, status))
    await server.start()
    async with KubeClient(Endpoint(server.url, token="t")) as client:
        with pytest.raises(CommandError, match=says):
            await instances(client, "team-a")
    await server.stop()
