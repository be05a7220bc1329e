"""Tools of agents, and agents of tools."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.gateway.apiserver import ApiServer
from tests.unit.gateway.conftest import Serving
from tests.unit.gateway.test_resourceroutes import AGENT, TOOL


@pytest.fixture(autouse=True)
def _there(api: ApiServer) -> None:
    api.put("Agent", "helper", {**AGENT, "tools": [{"toolRef": {"name": "news"}, "allowedFunctions": ["x"]}]})
    api.put("Agent", "other", AGENT)
    for name in ("weather", "news"):
        api.put("Tool", name, TOOL)


def tools_of(api: ApiServer, name: str = "helper") -> Any:
    agent = api.get("Agent", name)
    assert agent is not None
    return agent["spec"].get("tools")


@pytest.mark.parametrize(
    "body", [["weather"], [{"id": "weather"}], [{"name": "Weather"}], ["weather", "news"]]
)
async def test_tools_are_assigned_once(gateway: Serving, api: ApiServer, body: Any) -> None:
    for _ in range(2):
        status, rows = await gateway.call("POST", "/agents/helper/tools", body)
        assert (status, [row["id"] for row in rows]) == (200, ["news", "weather"])
    assert tools_of(api) == [
        {"toolRef": {"name": "news"}, "allowedFunctions": ["x"]},
        {"toolRef": {"name": "weather"}},
    ]
    assert await gateway.call("GET", "/agents/helper/tools") == (200, rows)


@pytest.mark.parametrize(
    ("body", "status"),
    [(["nobody"], 404), ([], 422), ({}, 422), ([7], 422), ([{"a": 1}], 422), (["日"], 422)],
)
async def test_what_is_no_tool_changes_nothing(
    gateway: Serving, api: ApiServer, body: Any, status: int
) -> None:
    before = tools_of(api)
    assert (await gateway.call("POST", "/agents/helper/tools", body))[0] == status
    assert tools_of(api) == before


async def test_a_tool_is_removed_once(gateway: Serving, api: ApiServer) -> None:
    answer = await gateway.call("DELETE", "/agents/helper/tools/news")
    assert answer == (200, {"detail": "Tool removed successfully"})
    assert tools_of(api) == []
    assert (await gateway.call("DELETE", "/agents/helper/tools/news"))[0] == 404
    assert (await gateway.call("DELETE", "/agents/nobody/tools/news"))[0] == 404


async def test_a_tool_that_is_gone_is_listed_with_the_reason(gateway: Serving, api: ApiServer) -> None:
    del api.objects["tools", "team-a", "news"]
    (row,) = (await gateway.call("GET", "/agents/helper/tools"))[1]
    assert (row["id"], row["reason"]) == ("news", "NotFound")
    api.denied.add(("alice", "get", "tools"))
    assert (await gateway.call("GET", "/agents/helper/tools"))[1][0]["reason"] == "Forbidden"
    api.broken = True
    assert (await gateway.call("GET", "/agents/helper/tools"))[0] == 503


async def test_the_agents_of_a_tool(gateway: Serving, api: ApiServer) -> None:
    api.put("Agent", "abroad", {**AGENT, "tools": [{"toolRef": {"name": "news", "namespace": "team-b"}}]})
    assert await gateway.call("GET", "/tools/news/agents") == (200, ["helper"])
    body = {"agent_ids": ["helper", "other"]}
    assert await gateway.call("POST", "/tools/news/agents", body) == (200, ["helper", "other"])
    assert await gateway.call("GET", "/tools/news/agents") == (200, ["helper", "other"])
    assert (await gateway.call("POST", "/tools/news/agents", {"agent_ids": ["nobody", "other"]}))[0] == 404
    assert (await gateway.call("POST", "/tools/news/agents", {}))[0] == 422
    api.denied.add(("alice", "list", "agents"))
    assert (await gateway.call("GET", "/tools/news/agents"))[0] == 403


async def test_what_was_assigned_and_what_was_not_is_told(gateway: Serving, api: ApiServer) -> None:
    api.put("Agent", "third", AGENT)
    patched: list[str] = []

    def fails(method: str, plural: str) -> bool:
        if method == "PATCH":
            patched.append(plural)
        return len(patched) == 2

    api.failing = fails
    status, problem = await gateway.call(
        "POST", "/tools/weather/agents", {"agent_ids": ["helper", "other", "third"]}
    )
    assert status == 503
    assert (problem["done"], problem["failed"], problem["not_done"]) == (["helper"], "other", ["third"])
    assert {"toolRef": {"name": "weather"}} in tools_of(api)


async def test_a_change_by_somebody_else_is_kept(gateway: Serving, api: ApiServer) -> None:
    theirs = {"toolRef": {"name": "theirs"}}

    def faster(item: Any) -> None:
        api.before_patch = lambda _: None
        item["spec"]["tools"].append(theirs)
        item["metadata"]["resourceVersion"] = "newer"

    api.before_patch = faster
    await gateway.call("POST", "/agents/helper/tools", ["weather"])
    assert theirs in tools_of(api)
    assert {"toolRef": {"name": "weather"}} in tools_of(api)


async def test_it_is_not_tried_for_ever(gateway: Serving, api: ApiServer) -> None:
    api.before_patch = lambda item: item["metadata"].update(
        resourceVersion=f"{item['metadata']['resourceVersion']}0"
    )
    assert (await gateway.call("POST", "/agents/helper/tools", ["weather"]))[0] == 409
