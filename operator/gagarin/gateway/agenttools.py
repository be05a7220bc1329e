"""Which agents may call which tools: looked at, assigned and removed from either side.

Lists of tools are changed with the version that was read, and read again when somebody else was faster.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web

from gagarin.conversion.names import valid
from gagarin.core.objects import Object
from gagarin.gateway import answers, body, problems, writing
from gagarin.gateway.callers import Caller, named
from gagarin.gateway.resourceroutes import ResourceRoutes, found
from gagarin.gateway.rows import Row, ToolRow, row
from gagarin.kube.client import KubeClient
from gagarin.kube.errors import Conflict, KubeError
from gagarin.kube.resources import AGENT, TOOL
from gagarin.serving.errors import Problem

TRIES = 5
MAX_NAMED = 64  # tools of an agent, and agents of one request

Uses = list[Object]


class AgentTools(ResourceRoutes):
    """The handlers. Tools of other namespaces are shown and can be removed; assigning is within one."""

    async def tools(self, request: web.Request) -> web.Response:
        """GET: the rows of an agent's tools."""
        caller, namespace = self.caller(request)
        agent = await found(caller.client, AGENT, namespace, named(request, "Agent", namespace))
        return answers.document(await _rows(caller, agent))

    async def assign(self, request: web.Request) -> web.Response:
        """POST of ids, or of rows that have one: the rows of all tools that the agent has then."""
        caller, namespace = self.caller(request)
        agent = named(request, "Agent", namespace)
        wanted = _names(await body.value(request, self._bounds), "")
        await found(caller.client, AGENT, namespace, agent)
        for name in wanted:
            await found(caller.client, TOOL, namespace, name)
        changed = await writing.whole(
            _changed(caller.client, namespace, agent, lambda uses: _with(uses, wanted))
        )
        return answers.document(await _rows(caller, changed))

    async def remove(self, request: web.Request) -> web.Response:
        """DELETE: the agent has the tool no more."""
        caller, namespace = self.caller(request)
        agent, tool = named(request, "Agent", namespace), named(request, "Tool", namespace, "tool_id")

        def without(uses: Uses) -> Uses:
            left = [use for use in uses if use["toolRef"]["name"] != tool]
            if len(left) == len(uses):
                raise problems.not_found("Tool", f"{namespace}: Agent {agent}", tool)
            return left

        await writing.whole(_changed(caller.client, namespace, agent, without))
        return answers.document({"detail": "Tool removed successfully"})

    async def agents(self, request: web.Request) -> web.Response:
        """GET: the ids of the agents that have a tool."""
        caller, namespace = self.caller(request)
        tool = named(request, "Tool", namespace)
        await found(caller.client, TOOL, namespace, tool)
        ids: list[str] = []
        try:
            async for page in caller.client.pages(AGENT, namespace):
                ids += [item["metadata"]["name"] for item in page.items if _has(item, namespace, tool)]
        except KubeError as error:
            raise problems.refused(error) from error
        return answers.document(ids)

    async def assign_agents(self, request: web.Request) -> web.Response:
        """POST `{"agent_ids": [...]}`: the same ids, once each of them has the tool."""
        caller, namespace = self.caller(request)
        tool = named(request, "Tool", namespace)
        agents = _names((await body.mapping(request, self._bounds)).get("agent_ids"), "agent_ids")
        await found(caller.client, TOOL, namespace, tool)
        for name in agents:
            await found(caller.client, AGENT, namespace, name)
        await writing.whole(_assign_all(caller.client, namespace, tool, agents))
        return answers.document(agents)


async def _assign_all(client: KubeClient, namespace: str, tool: str, agents: list[str]) -> None:
    for index, name in enumerate(agents):
        try:
            await _changed(client, namespace, name, lambda uses: _with(uses, [tool]))
        except Problem as problem:
            told = {"done": agents[:index], "failed": name, "not_done": agents[index + 1 :]}
            detail = f"Agent {name}: {problem.detail}"
            raise Problem(
                problem.status, problem.slug, problem.title, detail, headers=problem.headers, more=told
            ) from problem


async def _changed(client: KubeClient, namespace: str, name: str, change: Callable[[Uses], Uses]) -> Object:
    """The agent with its list of tools changed. Raises `Problem`."""
    tries = TRIES
    while True:
        agent = await found(client, AGENT, namespace, name)
        uses = list(agent["spec"].get("tools") or ())
        if (wanted := change(uses)) == uses:
            return agent
        patch = {
            "metadata": {"resourceVersion": agent["metadata"]["resourceVersion"]},
            "spec": {"tools": wanted},
        }
        try:
            return await client.patch(AGENT, namespace, name, patch, field_manager=writing.FIELD_MANAGER)
        except KubeError as error:
            tries -= 1
            if not isinstance(error, Conflict) or not tries:
                raise problems.refused(error) from error


def _with(uses: Uses, names: list[str]) -> Uses:
    there = {use["toolRef"]["name"] for use in uses if "namespace" not in use["toolRef"]}
    return uses + [{"toolRef": {"name": name}} for name in names if name not in there]


def _has(agent: Object, namespace: str, tool: str) -> bool:
    references = [use["toolRef"] for use in agent["spec"].get("tools") or ()]
    return any(each["name"] == tool and each.get("namespace", namespace) == namespace for each in references)


def _names(given: Any, where: str) -> list[str]:
    """Ids, each once. Raises `Problem` 422."""
    if not isinstance(given, list) or not 0 < len(given) <= MAX_NAMED:
        raise problems.invalid([(where, f"it has to be a list of 1 to {MAX_NAMED} ids")])
    names: dict[str, None] = {}
    for index, each in enumerate(given):
        text = each.get("id") or each.get("handle") or each.get("name") if isinstance(each, dict) else each
        if not isinstance(text, str) or not valid(text):
            raise problems.invalid([(f"{where}[{index}]", "it is no id")])
        names[valid(text)] = None
    return list(names)


async def _rows(caller: Caller, agent: Object) -> list[Row]:
    own = agent["metadata"]["namespace"]
    references = [use["toolRef"] for use in agent["spec"].get("tools") or ()]
    return list(
        await asyncio.gather(*(_row(caller, each.get("namespace", own), each["name"]) for each in references))
    )


async def _row(caller: Caller, namespace: str, name: str) -> Row:
    """Of a tool that is not there, or that the caller may not see, its name and why."""
    try:
        return row(await found(caller.client, TOOL, namespace, name))
    except Problem as problem:
        if problem.status not in (403, 404):
            raise
        return ToolRow(
            id=name,
            namespace=namespace,
            created_at="",
            ready=None,
            reason="NotFound" if problem.status == 404 else "Forbidden",
            message=problem.detail,
            name=name,
            handle=name,
            description="",
            api_type="",
            api_url=None,
            auth_method=None,
            capabilities={},
        )
