"""All routes of the gateway, with what each takes and answers."""

from __future__ import annotations

import msgspec
from aiohttp import web

from gagarin.gateway import answers, problems
from gagarin.gateway.agenttools import AgentTools
from gagarin.gateway.body import Bounds
from gagarin.gateway.callers import Callers
from gagarin.gateway.openapi import (
    CHATS,
    EVENTS,
    JSON,
    PAGE,
    TEXT,
    WRITES,
    YAML,
    Body,
    Operation,
    Route,
    Schema,
)
from gagarin.gateway.relay import Relay
from gagarin.gateway.resourceroutes import (
    AgentRoutes,
    InstanceRoutes,
    ModelRoutes,
    ProviderRoutes,
    ResourceRoutes,
    ToolRoutes,
)
from gagarin.gateway.rows import AgentRow, InstanceRow, ModelRow, ProviderRow, ToolRow
from gagarin.gateway.sockets import Sockets
from gagarin.gateway.webpage import WebPage, is_for_people
from gagarin.gateway.yamlroutes import Applied, YamlRoutes


class Detail(msgspec.Struct):
    """What was done."""

    detail: str


_TEXT: Schema = {"type": "string"}
_TEXTS: Schema = {"type": "array", "items": _TEXT}
_OBJECT: Schema = {"type": "object"}
_ANSWER: Schema = {
    "type": "object",
    "required": ["answer"],
    "properties": {"answer": _TEXT, "conversation": {"type": ["string", "null"]}, "usage": {}},
}
_QUESTION = Body(
    {
        "type": "object",
        "required": ["input"],
        "properties": {"input": _TEXT, "conversation": {"type": ["string", "null"]}},
    }
)


def _form(**fields: Schema) -> Body:
    return Body({"type": "object", "properties": fields})


_FORMS: dict[str, Body] = {
    "providers": _form(name=_TEXT, type=_TEXT, api_url=_TEXT, api_key=_TEXT, models=_TEXTS),
    "models": _form(
        name=_TEXT, provider=_TEXT, base_model=_TEXT, model_info=_OBJECT, params=_OBJECT, mode=_TEXT
    ),
    "agents": _form(
        name=_TEXT,
        description=_TEXT,
        prompt=_TEXT,
        model=_TEXT,
        provider=_TEXT,
        tools=_TEXTS,
        rag={"type": "array"},
    ),
    "tools": _form(
        name=_TEXT,
        handle=_TEXT,
        description=_TEXT,
        api_type=_TEXT,
        api_url=_TEXT,
        auth_method=_TEXT,
        auth_info=_OBJECT,
        capabilities=_OBJECT,
    ),
    "instances": _form(agent_id=_TEXT, title=_TEXT),
}
_YAML = Body(_OBJECT, YAML)


def resource_routes(callers: Callers, bounds: Bounds) -> list[Route]:
    """Providers, models, agents, tools, instances and what connects them."""
    providers = ProviderRoutes(callers, bounds, "providers")
    models = ModelRoutes(callers, bounds, "models")
    agents = AgentRoutes(callers, bounds, "agents")
    tools = ToolRoutes(callers, bounds, "tools")
    instances = InstanceRoutes(callers, bounds, "instances")
    from_yaml = Operation("Create agents from YAML", {}, body=_YAML, problems=WRITES)
    tool_yaml = Operation("Create a tool from YAML", ToolRow, body=_YAML, problems=WRITES)
    call = Operation("Not possible: only agents call tools", {}, problems=(501,))
    return [
        *_crud(providers, ProviderRow, list[ProviderRow]),
        *_crud(models, ModelRow, list[ModelRow]),
        Route("POST", "/agents/from-yaml", agents.from_yaml, from_yaml),
        Route("POST", "/agents/yaml", agents.from_yaml, from_yaml),
        *_crud(agents, AgentRow, list[AgentRow]),
        Route("POST", "/tools/yaml", tools.from_yaml, tool_yaml),
        *_crud(tools, ToolRow, list[ToolRow]),
        Route("POST", "/tools/{id}/call", tools.call, call),
        *_connections(AgentTools(callers, bounds, "agents")),
        *_crud(instances, InstanceRow, list[InstanceRow]),
    ]


def _crud(routes: ResourceRoutes, one: object, several: object) -> list[Route]:
    section, kind = routes.section, routes.resource.kind
    form = _FORMS[section]
    created: object = _TEXT if section == "agents" else one
    query = {**PAGE, "name": _TEXT} if section == "models" else PAGE
    return [
        Route(
            "POST",
            f"/{section}",
            routes.create,
            Operation(f"Create: {kind}", created, body=form, problems=WRITES),
        ),
        Route(
            "GET",
            f"/{section}",
            routes.listed,
            Operation(f"List: {kind}", several, query=query, problems=(400,)),
        ),
        Route("GET", f"/{section}/{{id}}", routes.show, Operation(f"Get: {kind}", one)),
        Route(
            "PUT",
            f"/{section}/{{id}}",
            routes.change,
            Operation(f"Update: {kind}", one, body=form, problems=WRITES),
        ),
        Route(
            "DELETE",
            f"/{section}/{{id}}",
            routes.delete,
            Operation(f"Delete: {kind}", Detail, problems=(409,)),
        ),
    ]


def _connections(both: AgentTools) -> list[Route]:
    rows = list[ToolRow]
    assigned = Operation("Assign tools to an agent", rows, body=Body({"type": "array"}), problems=WRITES)
    agents = Operation("Assign a tool to agents", _TEXTS, body=_form(agent_ids=_TEXTS), problems=WRITES)
    removed = Operation("Remove a tool from an agent", Detail, problems=(409,))
    return [
        Route("GET", "/agents/{id}/tools", both.tools, Operation("The tools of an agent", rows)),
        Route("POST", "/agents/{id}/tools", both.assign, assigned),
        Route("DELETE", "/agents/{id}/tools/{tool_id}", both.remove, removed),
        Route("GET", "/tools/{id}/agents", both.agents, Operation("The agents that have a tool", _TEXTS)),
        Route("POST", "/tools/{id}/agents", both.assign_agents, agents),
    ]


def yaml_routes(callers: Callers, bounds: Bounds) -> list[Route]:
    """Whole configurations."""
    both = YamlRoutes(callers, bounds)
    return [
        Route(
            "POST",
            "/yaml",
            both.apply,
            Operation("Apply a configuration", Applied, body=_YAML, problems=WRITES),
        ),
        Route("GET", "/yaml", both.export, Operation("The configuration", {}, (YAML,))),
        Route("GET", "/yaml/{kind}", both.export_kind, Operation("One section of it", {}, (YAML,))),
    ]


def chat_routes(relay: Relay, sockets: Sockets) -> list[Route]:
    """Conversations with instances."""
    chat = Operation("Ask, and get the whole answer", _ANSWER, body=_QUESTION, problems=CHATS)
    stream = Operation(
        "Ask, and get the answer as it is made", {}, (TEXT, EVENTS), body=_QUESTION, problems=CHATS
    )
    socket = Operation("A conversation over a WebSocket", problems=(400, 426, 502), status=101)
    root = "/instances/{id}"
    listed = Operation("The caller's conversations", {}, problems=(400, 502))
    shown = Operation("One of the caller's conversations", {}, problems=(400, 502))
    erased = Operation("Delete conversations of the caller", {}, problems=(400, 502))
    return [
        *(Route(method, f"{root}/chat", relay.chat, chat) for method in ("POST", "GET")),
        *(Route(method, f"{root}/stream", relay.stream, stream) for method in ("POST", "GET")),
        Route("GET", f"{root}/ws", sockets.open, socket),
        Route("GET", f"{root}/conversations", relay.conversations, listed),
        Route("DELETE", f"{root}/conversations", relay.conversations, erased),
        Route("GET", f"{root}/conversations/{{conversation}}", relay.conversations, shown),
        Route("DELETE", f"{root}/conversations/{{conversation}}", relay.conversations, erased),
    ]


def open_routes(page: WebPage | None) -> list[Route]:
    """What needs no token."""

    async def root(request: web.Request) -> web.Response:
        if page is not None and is_for_people(request):
            return page.found()
        return answers.document("Gagarin API v1")

    async def health(_: web.Request) -> web.Response:
        return answers.document("OK")

    async def users(_: web.Request) -> web.Response:
        raise problems.users_gone()

    gone = Operation("Accounts are the cluster's", {}, problems=(410,))
    words = {"type": "string"}
    names = ("", "/sign_up", "/sign_in", "/create_api_key")
    return [
        Route("GET", "/", root, Operation("The name of the API", words, (JSON,)), open=True),
        Route("GET", "/health", health, Operation("Whether the gateway runs", words), open=True),
        *(
            Route(method, f"/users{name}", users, gone, open=True)
            for name in names
            for method in ("GET", "POST")
        ),
    ]
