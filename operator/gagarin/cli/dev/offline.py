"""What a machine without a cluster cannot have, and what is there in its place.

Before the manifests are resolved, every key of a Secret that is nowhere is stood in for, and a Provider that
lacks its key or lives inside a cluster is pointed at the stub model server. Afterwards whatever rests on a
stand-in, or on an address that only a cluster has, is taken out of what a chat server is told. Nothing of
this goes unsaid: each is a `Lack`, and with `--strict` an error.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from gagarin.api.instance import InstanceSpec
from gagarin.cli.dev.variables import missing_keys, names_of, with_value
from gagarin.cli.standins import secrets_wanted
from gagarin.core import config
from gagarin.core.objects import Key, Object, ObjectMap
from gagarin.core.resolved import Resolved
from gagarin.core.secretvalues import value_of

INSIDE = (".svc", ".svc.cluster.local")
# Fields of an Instance that only make sense where there are nodes and networks.
CLUSTER_FIELDS = ("service", "autoscaling", "network_policy")


@dataclass(frozen=True, slots=True, order=True)
class Lack:
    """Something that is not as it is in a cluster: of which object, and what instead and why."""

    object: Key
    message: str

    def __str__(self) -> str:
        return f"{self.object}: {self.message}"


class Offline(NamedTuple):
    """Objects to resolve, which keys of Secrets are stood in for (`NAMESPACE/SECRET/KEY`), and what the stub
    answers for."""

    objects: ObjectMap
    stand_ins: frozenset[str]
    lacks: tuple[Lack, ...]


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is here. `has_module` says whether a Python module can be imported, `program_at` where a
    program is (None: nowhere)."""

    stub_url: str
    has_module: Callable[[str], bool]
    program_at: Callable[[str], str | None]


def without_cluster(manifests: ObjectMap, stub_url: str) -> Offline:
    """The manifests with missing keys stood in for, and unreachable Providers pointed at `stub_url` (an
    OpenAI-compatible base)."""
    missing = list(missing_keys(manifests))
    objects = ObjectMap(list(manifests.values()))
    values = secrets_wanted(manifests)
    for secret, key in missing:
        objects[secret] = with_value(objects.get(secret), secret, key, values[secret][key])
    stand_ins = frozenset(_path(secret, key) for secret, key in missing)
    lacks = []
    for provider, item in manifests.items():
        if provider.kind == "Provider" and (reason := _why_stubbed(provider, item, stand_ins)):
            lacks.append(Lack(provider, f"answered by the stub model server: {reason}"))
            objects[provider] = _at_stub(item, stub_url)
    return Offline(objects, stand_ins, tuple(sorted(lacks)))


def _path(secret: Key, key: str) -> str:
    return f"{secret.namespace}/{secret.name}/{key}"


def _why_stubbed(key: Key, provider: Object, stand_ins: frozenset[str]) -> str:
    spec = provider.get("spec")
    own = ObjectMap([provider])
    for secret, keys in secrets_wanted(own).items():
        for name in sorted(keys):
            if _path(secret, name) in stand_ins:
                return lacking(_path(secret, name))
    url = spec.get("url") if isinstance(spec, dict) else None
    return f"{host_of(url)} is inside a cluster" if is_inside(url) else ""


def lacking(path: str) -> str:
    """That a key of a Secret (`NAMESPACE/SECRET/KEY`) is nowhere, and how to give it."""
    namespace, secret, key = path.split("/", 2)
    _, variable = names_of(Key("Secret", namespace, secret), key)
    return f"there is no Secret {namespace}/{secret} with the key {key}, and no variable {variable}"


def secret_value(objects: ObjectMap, path: str) -> bytes:
    """The value of a key of a Secret that was resolved, by its path `NAMESPACE/SECRET/KEY`."""
    namespace, secret, key = path.split("/", 2)
    return value_of(objects[Key("Secret", namespace, secret)], key) or b""


def is_inside(url: Any) -> bool:
    """Whether an address is one that only a cluster knows."""
    return host_of(url).endswith(INSIDE)


def host_of(url: Any) -> str:
    """The host of an address; "" for what is none."""
    try:
        return urlsplit(str(url or "")).hostname or ""
    except ValueError:
        return ""


def _at_stub(provider: Object, stub_url: str) -> Object:
    """The stub wants no header and has no certificate."""
    item = copy.deepcopy(provider)
    item["spec"]["url"] = stub_url
    for field in ("tls", "headers"):
        item["spec"].pop(field, None)
    return item


def served(
    resolved: Resolved, offline: Offline, called: frozenset[Key], machine: Machine
) -> tuple[config.Config, list[Lack]]:
    """What a chat server is told here, and what was left out of it. `called` are the Instances that others
    call as a tool."""
    stand_ins = offline.stand_ins
    told = resolved.config
    owner = Key("Instance", told.namespace, told.name)
    tools, lacks = _tools(resolved, stand_ins, machine)
    knowledge, reason = _knowledge(told.knowledge, machine)
    if reason:
        lacks.append(Lack(owner, f"runs without its knowledge: {reason}"))
    history, reason = _history(told.history, offline, machine)
    if reason:
        lacks.append(Lack(owner, f"keeps conversations in SQLite: {reason}"))
    tls, reason = _tls(told.tls, owner, stand_ins, called)
    if reason:
        lacks.append(Lack(owner, f"serves plain HTTP: {reason}"))
    return msgspec.structs.replace(told, tools=tools, knowledge=knowledge, history=history, tls=tls), lacks


def _tools(
    resolved: Resolved, stand_ins: frozenset[str], machine: Machine
) -> tuple[tuple[config.Tool, ...], list[Lack]]:
    programs = {sidecar.socket: sidecar.command[0] for sidecar in resolved.sidecars}
    kept, lacks = [], []
    for tool in resolved.config.tools:
        reason = _why_unserved(tool, programs, stand_ins, machine)
        if reason:
            lacks.append(Lack(Key("Tool", tool.namespace, tool.name), f"not served: {reason}"))
        else:
            kept.append(tool)
    return tuple(kept), lacks


def _why_unserved(
    tool: config.Tool, programs: Mapping[str, str], stand_ins: frozenset[str], machine: Machine
) -> str:
    for file in _secret_files(tool):
        if file in stand_ins:
            return lacking(file)
    if tool.stdio is not None and machine.program_at(programs[tool.stdio.socket]) is None:
        return f"its program {programs[tool.stdio.socket]} is not on this machine (its image is not used)"
    member = tool.mcp or tool.http or tool.open_api
    url = member.url if member is not None else None
    return f"{host_of(url)} is inside a cluster" if is_inside(url) else ""


def _secret_files(tool: config.Tool) -> Iterator[str]:
    auth, http = tool.auth, tool.http
    found = [tool.ca_bundle_file]
    found += [auth.value_file, auth.username_file, auth.password_file] if auth else []
    found += [header.value_file for header in http.headers] if http else []
    yield from (file for file in found if file)


def _knowledge(knowledge: config.Knowledge | None, machine: Machine) -> tuple[config.Knowledge | None, str]:
    if knowledge is None:
        return None, ""
    if not all(machine.has_module(name) for name in ("markdown_it", "pypdf", "selectolax", "simsimd")):
        return None, "reading documents needs `pip install '.[cli,knowledge]'` from a clone"
    inside = [source for source in knowledge.sources if is_inside(source.url)]
    if not inside:
        return knowledge, ""
    rest = tuple(source for source in knowledge.sources if source not in inside)
    left = msgspec.structs.replace(knowledge, sources=rest) if rest else None
    return left, f"{host_of(inside[0].url)} is inside a cluster"


def _history(history: config.History, offline: Offline, machine: Machine) -> tuple[config.History, str]:
    file = history.postgres_url_file
    if file is None:
        return history, ""
    reason = ""
    if file in offline.stand_ins:
        reason = lacking(file)
    elif is_inside(url := secret_value(offline.objects, file).decode(errors="replace").strip()):
        reason = f"{host_of(url)} is inside a cluster"
    elif not machine.has_module("asyncpg"):
        reason = "PostgreSQL needs `pip install '.[cli,postgres]'` from a clone"
    sqlite = config.History(type="Ephemeral", keep_for=history.keep_for)
    return (sqlite, reason) if reason else (history, "")


def _tls(
    tls: config.ServerTls | None, owner: Key, stand_ins: frozenset[str], called: frozenset[Key]
) -> tuple[config.ServerTls | None, str]:
    if tls is None:
        return None, ""
    for file in (tls.certificate_file, tls.key_file):
        if file in stand_ins:
            return None, lacking(file)
    if owner in called:
        return None, "others call it as a tool, at an address that its certificate is not for"
    return tls, ""


def cluster_only(spec: InstanceSpec) -> list[str]:
    """The fields of an Instance that change nothing here."""
    given = [name for name in CLUSTER_FIELDS if name in spec.model_fields_set]
    pod = [f"pod.{name}" for name in sorted(spec.pod.model_fields_set - {"env"})]
    replicas = ["replicas"] if spec.replicas > 1 else []
    return [_camel(name) for name in (*replicas, *given, *pod)]


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
