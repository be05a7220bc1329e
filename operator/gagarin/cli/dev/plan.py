"""From manifests to the chat servers that are to run: pure, so that a change is a comparison of plans.

The rules are the operator's: one revision names the configuration and the pod template, and only another one
restarts a chat server; values of Secrets and documents of ConfigMaps are files that a running one reads
again. An Instance that cannot be resolved keeps what it had; one that may no longer use something has
nothing.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import msgspec
import yaml

from gagarin.api.instance import InstanceSpec
from gagarin.cli.dev.offline import (
    Lack,
    Machine,
    Offline,
    cluster_only,
    secret_value,
    served,
    without_cluster,
)
from gagarin.cli.dev.rbac import Request, is_allowed
from gagarin.cli.dev.variables import Filled, Variables, filled_in
from gagarin.cli.findings import Finding
from gagarin.cli.lint import lint
from gagarin.cli.manifests import Manifest, Reading
from gagarin.cli.settings import DEFAULT_IMAGE
from gagarin.core import config
from gagarin.core.objects import Key, Object, ObjectMap, key_of
from gagarin.core.podtemplate import service_account
from gagarin.core.policy import Policy
from gagarin.core.render import RenderSettings, render, revision_of
from gagarin.core.resolve import resolve
from gagarin.core.resolved import Resolved, Sidecar
from gagarin.core.secretvalues import value_of
from gagarin.kube.resources import GROUP
from gagarin.kube.serviceaccounts import groups_of, user_of

# Whatever a cluster may be told to allow is allowed here.
POLICY = Policy(token_review=True)
SETTINGS = RenderSettings(image=DEFAULT_IMAGE)


@dataclass(frozen=True, slots=True)
class Program:
    """What a Tool of type Stdio runs, and the name of the socket that it is served on."""

    tool: Key
    socket: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Server:
    """A chat server that is to run. `configuration` is all that a restart depends on; `account` is the
    ServiceAccount that it is; the values of `secrets` and `documents` are by their paths in the pod."""

    key: Key
    configuration: config.Config
    account: str
    secrets: Mapping[str, bytes] = field(repr=False)
    documents: Mapping[str, bytes] = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)
    programs: tuple[Program, ...] = ()

    @property
    def peers(self) -> dict[Key, config.AgentPeer]:
        """The Instances that it calls as tools."""
        peers = (tool.agent for tool in self.configuration.tools if tool.agent)
        return {Key("Instance", peer.namespace, peer.name): peer for peer in peers}

    def addressed(self, urls: Mapping[Key, str]) -> Server:
        """The same, with other Instances where they are here."""

        def placed(tool: config.Tool) -> config.Tool:
            peer = tool.agent
            url = urls.get(Key("Instance", peer.namespace, peer.name)) if peer else None
            if peer is None or url is None:
                return tool
            return msgspec.structs.replace(tool, agent=msgspec.structs.replace(peer, url=url))

        tools = tuple(placed(tool) for tool in self.configuration.tools)
        return replace(self, configuration=msgspec.structs.replace(self.configuration, tools=tools))


class Plan(NamedTuple):
    """What is to run, and what is to be said about it.

    `kept` are Instances that could not be resolved: what runs of them goes on. `objects` is what decides on
    access. `stubbed` tells whether anything asks the stub model server.
    """

    servers: tuple[Server, ...]
    kept: frozenset[Key]
    objects: ObjectMap
    findings: tuple[Finding, ...] = ()
    lacks: tuple[Lack, ...] = ()
    notes: tuple[str, ...] = ()
    stubbed: bool = False


def plan_of(reading: Reading, variables: Variables, machine: Machine) -> Plan:
    """The plan for manifests, all of which could be read."""
    manifests = reading.by_key()
    written = ObjectMap([each.item for each in manifests.values()])
    completed, filled = filled_in(written, variables)
    offline = without_cluster(completed, machine.stub_url)
    resolutions = {
        key: resolve(offline.objects[key], offline.objects, POLICY) for key in _instances(manifests)
    }
    resolved = {key: each.resolved for key, each in resolutions.items() if each.resolved}
    called = frozenset(peer for each in resolved.values() for peer in _called(each))
    servers, lacks = [], list(offline.lacks)
    for key, each in resolved.items():
        if not _is_suspended(each.spec):
            told, left_out = served(each, offline, called, machine)
            servers.append(_server(key, each, told, offline))
            lacks += left_out
    return Plan(
        servers=tuple(servers),
        kept=frozenset(key for key, each in resolutions.items() if not (each.resolved or each.withdrawn)),
        objects=offline.objects,
        findings=tuple(lint(_with(reading, offline), POLICY)),
        lacks=tuple(sorted(set(lacks))),
        notes=tuple(_notes(filled, resolved, servers, offline)),
        stubbed=bool(offline.lacks),
    )


def _instances(manifests: Iterable[Key]) -> list[Key]:
    return sorted(key for key in manifests if key.kind == "Instance")


def _is_suspended(spec: InstanceSpec) -> bool:
    return spec.suspend or spec.replicas == 0


def _called(resolved: Resolved) -> Iterator[Key]:
    for tool in resolved.config.tools:
        if tool.agent is not None:
            yield Key("Instance", tool.agent.namespace, tool.agent.name)


def _with(reading: Reading, offline: Offline) -> Reading:
    """The same files with what is there in place of something else, for the findings."""
    known = [
        replace(each, item=offline.objects[key]) if (key := key_of(each.item)) in offline.objects else each
        for each in reading.manifests
    ]
    added = offline.objects.keys() - {key_of(each.item) for each in known}
    nowhere = yaml.ScalarNode("tag:yaml.org,2002:null", "", yaml.Mark("", 0, 0, 0, "", 0))
    return Reading([*known, *(Manifest(offline.objects[key], "", nowhere) for key in sorted(added))])


def _server(key: Key, resolved: Resolved, told: config.Config, offline: Offline) -> Server:
    revision = revision_of(render(resolved, SETTINGS))
    wanted = {tool.stdio.socket for tool in told.tools if tool.stdio}
    sidecars = [sidecar for sidecar in resolved.sidecars if sidecar.socket in wanted]
    pod = resolved.instance["spec"].get("pod") or {}
    origins = {(each.source.kind, resolved.local_name(each.source)): each.source for each in resolved.copies}
    variables = _Variables(offline, key.namespace, origins)
    return Server(
        key=key,
        configuration=msgspec.structs.replace(told, revision=revision),
        account=service_account(resolved),
        secrets={file.path: secret_value(offline.objects, file.path) for file in resolved.secret_files},
        documents=dict(_documents(resolved, offline.objects)),
        environment=variables.of(pod.get("env") or ()),
        programs=tuple(_program(sidecar, variables) for sidecar in sidecars),
    )


def _program(sidecar: Sidecar, variables: _Variables) -> Program:
    return Program(sidecar.tool, sidecar.socket, sidecar.command, variables.of(sidecar.environment))


class _Variables(NamedTuple):
    """Where variables of containers take their values from. `origins`: what the copies of Secrets and
    ConfigMaps of other namespaces are copies of, by kind and name."""

    offline: Offline
    namespace: str
    origins: Mapping[tuple[str, str], Key]

    def of(self, entries: Iterable[Object]) -> dict[str, str]:
        """The values of `env` of a container, without those that are nowhere."""
        found = {entry["name"]: self._value(entry) for entry in entries}
        return {name: value for name, value in found.items() if value is not None}

    def _value(self, entry: Object) -> str | None:
        source: dict[str, Any] = entry.get("valueFrom") or {}
        for member, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
            if reference := source.get(member):
                name = reference["name"]
                key = self.origins.get((kind, name), Key(kind, self.namespace, name))
                return self._text(key, reference["key"])
        return str(entry.get("value", ""))

    def _text(self, key: Key, name: str) -> str | None:
        item = self.offline.objects[key]
        if key.kind == "ConfigMap":
            texts: dict[str, str] = item.get("data") or {}
            return texts.get(name)
        if f"{key.namespace}/{key.name}/{name}" in self.offline.stand_ins:
            return None
        return (value_of(item, name) or b"").decode(errors="replace")


def _documents(resolved: Resolved, objects: ObjectMap) -> Iterator[tuple[str, bytes]]:
    for folder in resolved.folders:
        item = objects[folder.source]
        texts = {name: (text or "").encode() for name, text in (item.get("data") or {}).items()}
        binary = {name: _decoded(text or "") for name, text in (item.get("binaryData") or {}).items()}
        for name, content in (texts | binary).items():
            if not folder.keys or name in folder.keys:
                yield f"{folder.name}/{name}", content


def _decoded(text: str) -> bytes:
    """What is no base64 is an empty document: only files can have it, no API server takes it."""
    try:
        return base64.b64decode(text)
    except ValueError:
        return b""


def _notes(
    filled: Sequence[Filled], resolved: Mapping[Key, Resolved], servers: Sequence[Server], offline: Offline
) -> Iterator[str]:
    yield from map(str, filled)
    for key, each in resolved.items():
        if _is_suspended(each.spec):
            yield f"{key} is suspended, or has no replicas: it does not run"
        elif fields := cluster_only(each.spec):
            yield f"{key}: without effect here: {', '.join(fields)}"
    running = {server.key for server in servers}
    for server in servers:
        for peer in sorted(server.peers):
            yield from _about_peer(server, peer, peer in running, offline.objects)


def _about_peer(server: Server, peer: Key, runs: bool, objects: ObjectMap) -> Iterator[str]:
    if not runs:
        yield f"{server.key} calls {peer}, which does not run"
    asked = Request(
        user=user_of(server.key.namespace, server.account),
        groups=groups_of(server.key.namespace),
        namespace=peer.namespace,
        verb="create",
        group=GROUP,
        resource="instances/chat",
        name=peer.name,
    )
    if not is_allowed(asked, list(objects.values())):
        account = f"{server.key.namespace}/{server.account}"
        yield f"{server.key} calls {peer}, and no Role lets its ServiceAccount {account} do that"
