"""All that an Instance depends on, read as the user, and what is wrong with each of it.

The verdict on every resource is the operator's own `resolve`, over what can be read; what the operator wrote
into the status comes beside it, because it knows what the user may not see (policies, other namespaces).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from gagarin.cli.errors import CommandError
from gagarin.cli.standins import with_stand_ins
from gagarin.core import names
from gagarin.core.graph import OUR_KINDS, references
from gagarin.core.objects import Key, Object, ObjectMap, key_of
from gagarin.core.pods import fault_of
from gagarin.core.resolve import resolve
from gagarin.kube.client import KubeClient
from gagarin.kube.errors import EndpointError, Forbidden, KubeError, NotFound
from gagarin.kube.resources import BY_KIND, INSTANCE, POD

State = Literal["ok", "wrong", "missing", "unreadable"]


@dataclass(slots=True)
class Link:
    """One object of the chain: how it is, why, and what it refers to."""

    key: Key
    state: State
    reasons: list[str] = field(default_factory=list)
    refers_to: list[Key] = field(default_factory=list)


@dataclass(slots=True)
class PodState:
    """A pod of the Instance."""

    name: str
    phase: str
    ready: bool
    restarts: int
    fault: str = ""


@dataclass(slots=True)
class Chain:
    """The answer to: why is this not ready? `ready`, `reason` and `message` are the operator's verdict; empty
    while it has not looked. `pods` is None when the user may not see them."""

    instance: Key
    ready: bool
    reason: str
    message: str
    url: str
    links: dict[Key, Link]
    pods: list[PodState] | None


async def chain_of(client: KubeClient, instance: Key, now: str) -> Chain:
    """Reads the cluster; `now` is RFC 3339. Raises `CommandError`."""
    try:
        objects, unreadable = await _read(client, instance)
        if instance not in objects:
            why = "may not be read by you" if instance in unreadable else "does not exist"
            raise CommandError(f"{instance} {why}; `gagarin status` lists what there is")
        pods = await _pods(client, instance, now)
    except (EndpointError, KubeError) as error:
        raise CommandError(f"the cluster cannot be read: {error}") from error
    item = objects[instance]
    ready, reason, message = verdict(item)
    url = (item.get("status") or {}).get("url", "")
    return Chain(instance, ready, reason, message, url, _links(objects, unreadable), pods)


async def instances(client: KubeClient, namespace: str | None) -> list[Object]:
    """The Instances of a namespace, or of all. Raises `CommandError`."""
    try:
        return (await client.list(INSTANCE, namespace)).items
    except NotFound as error:
        raise CommandError(
            "the cluster has no definitions of Gagarin: install the chart gagarin-crds"
        ) from error
    except (EndpointError, KubeError) as error:
        raise CommandError(f"the cluster cannot be read: {error}") from error


def verdict(item: Object) -> tuple[bool, str, str]:
    """Whether the operator says it is Ready, with reason and message."""
    status = item.get("status") or {}
    conditions = {each["type"]: each for each in status.get("conditions") or ()}
    ready = conditions.get("Ready")
    if ready is None or status.get("observedGeneration", 0) < item["metadata"].get("generation", 0):
        return (
            False,
            "NotObserved",
            "the operator has not looked at it yet: does it run, and for this namespace?",
        )
    return ready["status"] == "True", ready["reason"], ready.get("message", "")


async def _read(client: KubeClient, instance: Key) -> tuple[ObjectMap, dict[Key, str]]:
    """What can be reached from the Instance, and why some of it cannot be read. Namespaces are not told: they
    only matter to who shares, and the operator judges that."""
    objects, unreadable = ObjectMap(), dict[Key, str]()
    waiting, seen = [instance], {instance}
    while waiting:
        key = waiting.pop()
        try:
            found = await client.get(BY_KIND[key.kind], key.namespace, key.name)
        except NotFound:
            continue
        except Forbidden as error:
            unreadable[key] = str(error)
            continue
        objects[key] = found
        new = references(found) - seen
        seen |= new
        waiting += new
    return objects, unreadable


def _links(objects: ObjectMap, unreadable: dict[Key, str]) -> dict[Key, Link]:
    believed, _ = with_stand_ins(objects, only=unreadable)
    links: dict[Key, Link] = {}
    for key, item in objects.items():
        targets = sorted(target for target in references(item) if target.kind != "Namespace")
        reasons = _reasons(key, item, believed, unreadable)
        links[key] = Link(key, "wrong" if reasons else "ok", reasons, targets)
    for target in sorted({target for link in links.values() for target in link.refers_to} - links.keys()):
        why = unreadable.get(target)
        links[target] = Link(target, "unreadable", [why]) if why else Link(target, "missing")
    return {key: link for key, link in links.items() if key.kind != "Namespace"}


def _reasons(key: Key, item: Object, objects: ObjectMap, unreadable: Iterable[Key]) -> list[str]:
    """What is wrong with the object itself. A problem that is due to what cannot be read is the operator's to
    tell."""
    if key.kind not in OUR_KINDS:
        return []
    told = [f"{each['reason']}: {each['message']}" for each in _false(item)]
    hidden = {str(each) for each in unreadable}
    found = [f"{each.reason}: {each.message}" for each in resolve(item, objects).problems]
    return list(dict.fromkeys(told + [each for each in found if not any(one in each for one in hidden)]))


def _false(item: Object) -> list[dict[str, Any]]:
    status = item.get("status") or {}
    if status.get("observedGeneration", 0) < item["metadata"].get("generation", 0):
        return []
    judged = [each for each in status.get("conditions") or () if each["type"] in ("Accepted", "ResolvedRefs")]
    return [each for each in judged if each["status"] == "False"]


async def _pods(client: KubeClient, instance: Key, now: str) -> list[PodState] | None:
    try:
        found = await client.list(POD, instance.namespace, label_selector=f"{names.INSTANCE}={instance.name}")
    except Forbidden:
        return None
    return [_pod(item, now) for item in sorted(found.items, key=key_of)]


def _pod(item: Object, now: str) -> PodState:
    status = item.get("status") or {}
    conditions = {each["type"]: each["status"] for each in status.get("conditions") or ()}
    restarts = sum(each.get("restartCount", 0) for each in status.get("containerStatuses") or ())
    fault = fault_of([item], now)
    return PodState(
        item["metadata"]["name"],
        "Terminating" if "deletionTimestamp" in item["metadata"] else status.get("phase", "Unknown"),
        conditions.get("Ready") == "True",
        restarts,
        f"{fault.reason}: {fault.message}" if fault else "",
    )
