"""Providers, models, tools, agents and instances: created, listed, shown, changed and deleted as in the
original."""

from __future__ import annotations

import secrets
from typing import Any

from aiohttp import web

from gagarin.conversion.names import MOST, valid
from gagarin.core.objects import Object
from gagarin.gateway import answers, body, paging, problems, writing
from gagarin.gateway.body import Bounds
from gagarin.gateway.callers import Caller, Callers, named
from gagarin.gateway.forms import RESOURCES, converted, form
from gagarin.gateway.rows import row
from gagarin.gateway.updates import update
from gagarin.kube.client import KubeClient
from gagarin.kube.errors import KubeError, NotFound
from gagarin.kube.resources import AGENT, Resource
from gagarin.serving.errors import Problem


async def found(client: KubeClient, resource: Resource, namespace: str, name: str) -> Object:
    """One object, as the caller may see it. Raises `Problem`, 404 if it is not there."""
    try:
        return await client.get(resource, namespace, name)
    except NotFound as error:
        raise problems.not_found(resource.kind, namespace, name) from error
    except KubeError as error:
        raise problems.refused(error) from error


class ResourceRoutes:
    """The handlers of one kind. `section` is the plural, as it is in paths."""

    def __init__(self, callers: Callers, bounds: Bounds, section: str) -> None:
        self._callers = callers
        self._bounds = bounds
        self.section = section
        self.resource = RESOURCES[section]

    def caller(self, request: web.Request) -> tuple[Caller, str]:
        """Who asks, and for which namespace."""
        return self._callers.caller(request.headers.get("Authorization", "")), self._callers.namespace(
            request
        )

    async def create(self, request: web.Request) -> web.Response:
        """POST: the row of what was made."""
        caller, namespace = self.caller(request)
        made = form(self.section, await body.mapping(request, self._bounds), namespace)
        created = await writing.whole(writing.create(caller.client, made))
        return answers.document(row(created), made.notes)

    async def listed(self, request: web.Request) -> web.Response:
        """GET: the rows of a page."""
        caller, namespace = self.caller(request)
        page = paging.page_of(request.query)
        try:
            items = await paging.listed(caller.client, self.resource, namespace, page)
        except KubeError as error:
            raise problems.refused(error) from error
        return answers.document([row(item) for item in items])

    async def show(self, request: web.Request) -> web.Response:
        """GET of one."""
        caller, namespace = self.caller(request)
        return answers.document(row(await self._named(request, caller, namespace)))

    async def change(self, request: web.Request) -> web.Response:
        """PUT: the row as it is then."""
        caller, namespace = self.caller(request)
        given = await body.mapping(request, self._bounds)
        item = await self._named(request, caller, namespace)
        changed, notes = await self._changed(caller, item, given)
        return answers.document(row(changed), notes)

    async def delete(self, request: web.Request) -> web.Response:
        """DELETE: exactly the object that is there now."""
        caller, namespace = self.caller(request)
        item = await self._named(request, caller, namespace)
        metadata = item["metadata"]
        try:
            await caller.client.delete(self.resource, namespace, metadata["name"], uid=metadata["uid"])
        except KubeError as error:
            raise problems.refused(error) from error
        return answers.document({"detail": f"{self.resource.kind} deleted successfully"})

    async def _changed(self, caller: Caller, item: Object, given: dict[str, Any]) -> tuple[Object, list[str]]:
        update_ = update(item, given)
        if not update_.patch and not update_.secrets:
            return item, update_.notes
        changing = writing.change(caller.client, item, update_.patch, update_.secrets)
        return await writing.whole(changing), update_.notes

    async def _named(self, request: web.Request, caller: Caller, namespace: str) -> Object:
        name = named(request, self.resource.kind, namespace)
        return await found(caller.client, self.resource, namespace, name)


class ProviderRoutes(ResourceRoutes):
    """A provider that is there already is changed by a POST, as in the original."""

    async def create(self, request: web.Request) -> web.Response:
        """POST: create, or merge."""
        caller, namespace = self.caller(request)
        given = await body.mapping(request, self._bounds)
        made = form(self.section, given, namespace)
        try:
            item = await writing.whole(writing.create(caller.client, made))
        except Problem as problem:
            if problem.slug != "already-exists":
                raise
            name = made.manifests[0]["metadata"]["name"]
            there = await found(caller.client, self.resource, namespace, name)
            known = {
                field: value for field, value in given.items() if field in ("api_url", "api_key", "models")
            }
            item, notes = await self._changed(caller, there, known)
            return answers.document(row(item), notes)
        return answers.document(row(item), made.notes)


class ModelRoutes(ResourceRoutes):
    """Models are also found by their names."""

    async def listed(self, request: web.Request) -> web.Response:
        """GET: a page, or with `?name=` the one of that name."""
        if (name := request.query.get("name")) is None:
            return await super().listed(request)
        caller, namespace = self.caller(request)
        if not valid(name):
            raise problems.not_found("Model", namespace, name)
        return answers.document(row(await found(caller.client, self.resource, namespace, valid(name))))


class AgentRoutes(ResourceRoutes):
    """Creating an agent answers with its id."""

    async def create(self, request: web.Request) -> web.Response:
        """POST: the id."""
        caller, namespace = self.caller(request)
        made = form(self.section, await body.mapping(request, self._bounds), namespace)
        created = await writing.whole(writing.create(caller.client, made))
        return answers.document(created["metadata"]["name"], made.notes)

    async def from_yaml(self, request: web.Request) -> web.Response:
        """POST of YAML: the id of the agent, or a list of ids where the document has a list `agents`."""
        caller, namespace = self.caller(request)
        given = await body.document(request, self._bounds)
        several = isinstance(given, dict) and "agents" in given
        if several and (others := sorted(map(str, given.keys() - {"agents", "version"}))):
            raise problems.invalid(
                [(name, "only agents are taken here: POST it to /yaml") for name in others]
            )
        made = converted({"agents": given["agents"] if several else [given]}, namespace, "Agent")
        if not several:
            created = await writing.whole(writing.create(caller.client, made))
            return answers.document(created["metadata"]["name"], made.notes)
        applied = await writing.whole(writing.apply(caller.client, made))
        return answers.document([item["metadata"]["name"] for item in applied], made.notes)


class ToolRoutes(ResourceRoutes):
    """Tools may come as YAML; only pods call them."""

    async def from_yaml(self, request: web.Request) -> web.Response:
        """POST of YAML: the row of the tool."""
        caller, namespace = self.caller(request)
        made = converted({"tools": [await body.document(request, self._bounds)]}, namespace, "Tool")
        created = await writing.whole(writing.create(caller.client, made))
        return answers.document(row(created), made.notes)

    async def call(self, request: web.Request) -> web.Response:
        """POST: not possible, for a tool that is there."""
        caller, namespace = self.caller(request)
        item = await self._named(request, caller, namespace)
        raise problems.no_tool_call(item["metadata"]["name"])


class InstanceRoutes(ResourceRoutes):
    """Titles need not be unique: each POST makes another instance."""

    async def create(self, request: web.Request) -> web.Response:
        """POST: the row."""
        caller, namespace = self.caller(request)
        given = await body.mapping(request, self._bounds)
        title = given.pop("name", None) or given.get("title") or ""
        name = valid(str(title)) or valid(str(given.get("agent_id", "")))
        made = form(self.section, {**given, "title": title, "id": name}, namespace)
        agent = made.manifests[0]["spec"]["agentRef"]["name"]
        await found(caller.client, AGENT, namespace, agent)
        created = await writing.whole(self._created(caller.client, made))
        return answers.document(row(created), [note for note in made.notes if "agent_id" not in note])

    async def _created(self, client: KubeClient, made: Any) -> Object:
        """Under its title's name, or with some letters behind it."""
        try:
            return await writing.create(client, made)
        except Problem as problem:
            if problem.slug != "already-exists":
                raise
        metadata = made.manifests[0]["metadata"]
        metadata["name"] = f"{metadata['name'][: MOST - 7].rstrip('-')}-{secrets.token_hex(3)}"
        return await writing.create(client, made)
