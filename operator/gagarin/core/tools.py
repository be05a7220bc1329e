"""From a Tool, and what an Agent wants of it, to what the chat server calls and what runs beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gagarin.api.agent import AgentSpec
from gagarin.api.fields import seconds
from gagarin.api.instance import InstanceSpec
from gagarin.api.pod import EnvVar
from gagarin.api.references import SecretKeyRef
from gagarin.api.tool import AgentTool, Function, HttpTool, OpenApiTool, StdioTool, ToolAuth, ToolSpec
from gagarin.core import config, names, targets
from gagarin.core.documents import document_fault
from gagarin.core.objects import Key, Object
from gagarin.core.permission import is_open_to
from gagarin.core.resolved import Sidecar
from gagarin.core.walk import Place, Walk


class Offer(NamedTuple):
    """What a Tool comes to: for the chat server, and, where it is a program, beside it."""

    tool: config.Tool
    sidecar: Sidecar | None = None


def offer(walk: Walk, key: Key, spec: ToolSpec, wanted: tuple[str, ...] = ()) -> Offer:
    """A Tool as the chat server wants it, with the functions that both its own list and `wanted` allow
    (empty: all). What it lacks is reported to the walk."""
    ca_place = Place(key, "spec.tls.caBundle")
    ca_bundle, ca_bundle_file = walk.ca_bundle(ca_place, spec.tls.ca_bundle) if spec.tls else (None, None)
    tool = config.Tool(
        name=key.name,
        namespace=key.namespace,
        type=spec.type,
        description=spec.description,
        allowed_functions=_allowed(spec.allowed_functions, wanted),
        auth=_auth(walk, key, spec.auth) if spec.auth else None,
        ca_bundle=ca_bundle,
        ca_bundle_file=ca_bundle_file,
        mcp=config.McpServer(url=spec.mcp.url, transport=spec.mcp.transport) if spec.mcp else None,
        stdio=config.StdioServer(socket=names.socket_name(key)) if spec.stdio else None,
        http=_http(walk, key, spec.http, spec.functions) if spec.http else None,
        open_api=_open_api(walk, key, spec.open_api) if spec.open_api else None,
        agent=_peer(walk, key, spec.agent) if spec.agent else None,
    )
    return Offer(tool, _sidecar(walk, key, spec.stdio) if spec.stdio else None)


def has_secrets(spec: ToolSpec) -> bool:
    """Whether a Tool keeps anything in Secrets."""
    from_headers = any(header.value_from for header in spec.http.headers) if spec.http else False
    from_variables = any(_secret_of(variable) for variable in spec.stdio.env) if spec.stdio else False
    own_ca = spec.tls is not None and spec.tls.ca_bundle.secret_key_ref is not None
    return spec.auth is not None or from_headers or from_variables or own_ca


def _secret_of(variable: EnvVar) -> SecretKeyRef | None:
    return variable.value_from.secret_key_ref if variable.value_from else None


def _allowed(own: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[str, ...] | None:
    if own and wanted:
        return tuple(name for name in own if name in wanted)
    return own or wanted or None


def _auth(walk: Walk, key: Key, auth: ToolAuth) -> config.ToolAuth:
    if auth.basic is not None:
        username = walk.secret(Place(key, "spec.auth.basic.username"), auth.basic.username.secret_key_ref)
        password = walk.secret(Place(key, "spec.auth.basic.password"), auth.basic.password.secret_key_ref)
        return config.ToolAuth(type="Basic", username_file=username, password_file=password)
    if auth.header is not None:
        value = walk.secret(Place(key, "spec.auth.header"), auth.header.secret_key_ref)
        return config.ToolAuth(type="Header", header=auth.header.name, value_file=value)
    assert auth.bearer is not None, "the schema demands the member of the type"
    token = walk.secret(Place(key, "spec.auth.bearer"), auth.bearer.secret_key_ref)
    return config.ToolAuth(type="Bearer", value_file=token)


def _http(walk: Walk, key: Key, http: HttpTool, functions: tuple[Function, ...]) -> config.HttpEndpoint:
    for function in functions:
        if (function.parameters or {}).get("type", "object") != "object":
            place = Place(key, f"spec.functions[{function.name}].parameters")
            walk.report(place, "InvalidSpec", "arguments are an object: type must be object")
    return config.HttpEndpoint(
        url=http.url,
        method=http.method,
        headers=tuple(targets.header(walk, Place(key, "spec.http.headers"), one) for one in http.headers),
        body_format=http.body_format,
        timeout=seconds(http.timeout),
        functions=tuple(
            config.ToolFunction(name=one.name, description=one.description, parameters=one.parameters)
            for one in functions
        ),
    )


def _open_api(walk: Walk, key: Key, api: OpenApiTool) -> config.OpenApi:
    document = None
    if api.config_map_key_ref is not None:
        place = Place(key, "spec.openAPI.configMapKeyRef")
        document = walk.config_map(place, api.config_map_key_ref)
        fault = document_fault(document) if document is not None else None
        if fault:
            walk.report(place, "InvalidSpec", fault)
    return config.OpenApi(url=api.url, document=document, operations=api.operations)


def _peer(walk: Walk, key: Key, agent: AgentTool) -> config.AgentPeer | None:
    """Another Instance. It need only exist: RBAC decides who may chat with it."""
    place = Place(key, "spec.agent.instanceRef")
    found = walk.spec(place, agent.instance_ref, "Instance", InstanceSpec)
    if found is None:
        return None
    peer, spec = found
    return config.AgentPeer(
        name=peer.name,
        namespace=peer.namespace,
        url=names.url(peer.name, peer.namespace, tls=spec.tls is not None),
        token_file=f"{peer.namespace}/{peer.name}",
        description=_description(walk, peer, spec),
    )


def _description(walk: Walk, peer: Key, spec: InstanceSpec) -> str:
    """What the other agent says it is for; nothing, where it cannot be had: that is not our fault to tell.
    An Agent that is not open to its Instance does not run there, and says nothing by way of it."""
    key = Key("Agent", spec.agent_ref.namespace or peer.namespace, spec.agent_ref.name)
    agent = walk.known(key)
    if not isinstance(agent, AgentSpec):
        return ""
    is_open = key.namespace == peer.namespace or is_open_to(
        agent.allowed_namespaces, peer.namespace, walk.objects
    )
    return agent.description if is_open else ""


def _sidecar(walk: Walk, key: Key, stdio: StdioTool) -> Sidecar:
    if not walk.policy.allows_image(stdio.image):
        message = f"the policy here does not allow the image {stdio.image}"
        walk.report(Place(key, "spec.stdio.image"), "ForbiddenByPolicy", message)
    return Sidecar(
        tool=key,
        socket=names.socket_name(key),
        image=stdio.image,
        command=(*stdio.command, *stdio.args),
        environment=tuple(_variables(walk, key, stdio)),
        resources=stdio.resources.model_dump(exclude_none=True) if stdio.resources else {},
    )


def _variables(walk: Walk, key: Key, stdio: StdioTool) -> Iterator[Object]:
    for variable in stdio.env:
        rendered: Object = variable.model_dump(by_alias=True, exclude_none=True)
        source = variable.value_from
        ref = (source.secret_key_ref or source.config_map_key_ref) if source else None
        if ref is not None:
            name = walk.variable(Place(key, f"spec.stdio.env[{variable.name}]"), ref)
            member = "secretKeyRef" if isinstance(ref, SecretKeyRef) else "configMapKeyRef"
            rendered["valueFrom"][member]["name"] = name
        yield rendered
