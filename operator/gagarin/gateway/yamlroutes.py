"""Whole configurations: applied, and written out so that they can be applied again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from aiohttp import web

from gagarin.core.objects import Object
from gagarin.gateway import answers, body, configuration, problems, writing
from gagarin.gateway.body import Bounds
from gagarin.gateway.callers import Caller, Callers
from gagarin.gateway.forms import RESOURCES, SECTIONS
from gagarin.gateway.forms import configuration as converted
from gagarin.gateway.rows import AgentRow, InstanceRow, ModelRow, ProviderRow, ToolRow, row
from gagarin.kube.errors import KubeError
from gagarin.serving.problems import no_such_route

YAML = "application/x-yaml"


class Applied(msgspec.Struct, kw_only=True):
    """The rows of what was applied."""

    providers: list[ProviderRow]
    models: list[ModelRow]
    tools: list[ToolRow]
    agents: list[AgentRow]
    instances: list[InstanceRow]


class YamlRoutes:
    """The handlers of /yaml."""

    def __init__(self, callers: Callers, bounds: Bounds) -> None:
        self._callers = callers
        self._bounds = bounds

    async def apply(self, request: web.Request) -> web.Response:
        """POST: everything that the configuration says, or a problem that says what was done."""
        caller, namespace = self._caller(request)
        made = await converted(await body.document(request, self._bounds), namespace)
        applied = await writing.whole(writing.apply(caller.client, made))
        rows = {section: [row(item) for item in _of(applied, section)] for section in RESOURCES}
        return answers.document(rows, made.notes)

    async def export(self, request: web.Request) -> web.Response:
        """GET: the configuration of a namespace."""
        caller, namespace = self._caller(request)
        found = await asyncio.gather(*(self._listed(caller, namespace, section) for section in RESOURCES))
        return await _written(dict(zip(RESOURCES, found, strict=True)))

    async def export_kind(self, request: web.Request) -> web.Response:
        """GET of one section."""
        caller, namespace = self._caller(request)
        section = request.match_info["kind"]
        if section not in RESOURCES:
            raise no_such_route(request.path)
        return await _written({section: await self._listed(caller, namespace, section)})

    def _caller(self, request: web.Request) -> tuple[Caller, str]:
        return self._callers.caller(request.headers.get("Authorization", "")), self._callers.namespace(
            request
        )

    async def _listed(self, caller: Caller, namespace: str, section: str) -> list[Object]:
        try:
            return (await caller.client.list(RESOURCES[section], namespace)).items
        except KubeError as error:
            raise problems.refused(error) from error


async def _written(objects: dict[str, list[Object]]) -> web.Response:
    text = await asyncio.to_thread(configuration.text, objects)
    headers = {"Content-Type": f"{YAML}; charset=utf-8", "Cache-Control": "no-store"}
    return web.Response(body=text.encode(), headers=headers)


def _of(items: Sequence[Object], section: str) -> list[Object]:
    return [item for item in items if SECTIONS[item["kind"]] == section]
