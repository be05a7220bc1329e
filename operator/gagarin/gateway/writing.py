"""How objects are written with the caller's token, and what is told when that fails in the middle.

A single object and its Secrets: what was written is taken back. A configuration: everything is tried first
without being kept (dry run), so that a missing right, a wrong field or a conflict is found before anything
is written; what fails after that is told exactly. Nothing here stops because the caller goes away.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from gagarin.core.objects import Object, key_of
from gagarin.gateway import problems
from gagarin.gateway.forms import Converted
from gagarin.kube.client import KubeClient
from gagarin.kube.errors import KubeError
from gagarin.kube.resources import BY_KIND, Resource
from gagarin.serving.errors import Problem

FIELD_MANAGER = "gagarin-gateway"
AT_ONCE = 8  # dry runs of a configuration
_LABELS = {"app.kubernetes.io/managed-by": FIELD_MANAGER}
_SECRET_NAMES = re.compile(rb'"secretKeyRef":\{[^{}]*?"name":"([^"]+)"')

T = TypeVar("T")
_finishing: set[asyncio.Task[Any]] = set()


async def whole(writing: Coroutine[Any, Any, T]) -> T:
    """Wait for something that goes on to its end also when nobody waits any more."""
    task = asyncio.create_task(writing)
    _finishing.add(task)
    task.add_done_callback(_ended)
    return await asyncio.shield(task)


def _ended(task: asyncio.Task[Any]) -> None:
    _finishing.discard(task)
    if not task.cancelled():
        task.exception()  # who waited has it; if nobody did, it is nobody's any more


async def create(client: KubeClient, made: Converted) -> Object:
    """Create the one object and its Secrets, or nothing. Raises `Problem`."""
    (manifest,) = made.manifests
    resource = BY_KIND[manifest["kind"]]
    try:
        created = await client.create(resource, manifest)
    except KubeError as error:
        raise problems.refused(error) from error
    try:
        await _write_secrets(client, made.secrets, [created])
    except KubeError as error:
        raise await _taken_back(client, resource, created, error) from error
    return created


async def change(client: KubeClient, item: Object, patch: Object, secrets: Sequence[Object]) -> Object:
    """Patch a spec and write the Secrets that it refers to now, or neither. Raises `Problem`."""
    try:
        changed = await _patched(client, item, patch)
    except KubeError as error:
        raise problems.refused(error) from error
    try:
        await _write_secrets(client, secrets, [changed])
    except KubeError as error:
        before = {member: item["spec"].get(member) for member in patch}
        raise await _put_back(client, item, before, error) from error
    return changed


async def apply(client: KubeClient, made: Converted) -> list[Object]:
    """Apply a whole configuration. Raises `Problem`, which says what was done and what was not."""
    await _try(client, made)
    left = [*made.manifests, *made.secrets]
    done: list[Object] = []
    for item in tuple(left):
        try:
            done.append(await _applied(client, item, done))
        except KubeError as error:
            raise _half(problems.refused(error), done, left) from error
        left.remove(item)
    return [item for item in done if item["kind"] != "Secret"]


def _half(problem: Problem, done: Iterable[Object], left: Sequence[Object]) -> Problem:
    """What failed is the first of what is left."""
    failed, *rest = map(_name, left)
    told = {"done": [_name(item) for item in done], "failed": failed, "not_done": rest}
    detail = f"{failed}: {problem.detail}"
    return Problem(problem.status, problem.slug, problem.title, detail, headers=problem.headers, more=told)


async def _try(client: KubeClient, made: Converted) -> None:
    """Everything, without keeping it. Raises `Problem` with all that is refused; then nothing was written."""
    room = asyncio.Semaphore(AT_ONCE)

    async def tried(item: Object) -> Problem | None:
        async with room:
            try:
                await _applied(client, item, (), dry_run=True)
            except KubeError as error:
                return problems.refused(error)
        return None

    items = [*made.manifests, *made.secrets]
    answers = await asyncio.gather(*map(tried, items))
    refused = [(_name(item), problem) for item, problem in zip(items, answers, strict=True) if problem]
    if not refused:
        return
    first = refused[0][1]
    faults = [(name, problem.detail) for name, problem in refused]
    detail = "; ".join(f"{where}: {what}" for where, what in faults)
    nothing = {"done": [], "not_done": [_name(item) for item in items]}
    raise Problem(
        first.status, first.slug, first.title, detail, errors=faults, headers=first.headers, more=nothing
    )


async def _applied(
    client: KubeClient, item: Object, owners: Sequence[Object], *, dry_run: bool = False
) -> Object:
    """Somebody else's Secret is not taken over; of other objects the new values win, as in the original."""
    is_secret = item["kind"] == "Secret"
    wanted = _secret(item, owners) if is_secret else item
    return await client.apply(wanted, field_manager=FIELD_MANAGER, force=not is_secret, dry_run=dry_run)


async def _patched(client: KubeClient, item: Object, spec: Object) -> Object:
    """Somebody who changed it since it was read is not overwritten."""
    key, metadata = key_of(item), item["metadata"]
    patch = {"metadata": {"resourceVersion": metadata["resourceVersion"]}, "spec": spec}
    resource = BY_KIND[key.kind]
    return await client.patch(resource, key.namespace, key.name, patch, field_manager=FIELD_MANAGER)


async def _write_secrets(client: KubeClient, secrets: Sequence[Object], owners: Sequence[Object]) -> None:
    for secret in secrets:
        await _applied(client, secret, owners)


def _secret(item: Object, owners: Sequence[Object]) -> Object:
    """A Secret that goes with the object that refers to it."""
    name, metadata = item["metadata"]["name"], item["metadata"]
    references = [_reference(owner) for owner in owners if name in secrets_of(owner)]
    data = {key: base64.b64encode(value.encode()).decode() for key, value in item["stringData"].items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {**metadata, "labels": _LABELS} | ({"ownerReferences": references} if references else {}),
        "type": "Opaque",
        "data": data,
    }


def secrets_of(item: Object) -> set[str]:
    """The names of the Secrets that a spec refers to."""
    return {name.decode() for name in _SECRET_NAMES.findall(msgspec.json.encode(item.get("spec")))}


def _reference(owner: Object) -> Object:
    metadata = owner["metadata"]
    named = {"name": metadata["name"], "uid": metadata["uid"]}
    return {"apiVersion": owner["apiVersion"], "kind": owner["kind"], **named}


async def _taken_back(client: KubeClient, resource: Resource, created: Object, error: KubeError) -> Problem:
    key, problem = key_of(created), problems.refused(error)
    try:
        await client.delete(resource, key.namespace, key.name, uid=created["metadata"]["uid"])
    except KubeError:
        return _told(
            problem, f"{_name(created)} was created, its Secret was not, and it could not be removed"
        )
    return _told(problem, "nothing was created")


async def _put_back(client: KubeClient, item: Object, before: Object, error: KubeError) -> Problem:
    key, problem = key_of(item), problems.refused(error)
    try:
        await client.patch(
            BY_KIND[key.kind], key.namespace, key.name, {"spec": before}, field_manager=FIELD_MANAGER
        )
    except KubeError:
        return _told(
            problem, f"{_name(item)} was changed, its Secret was not, and it could not be changed back"
        )
    return _told(problem, "nothing was changed")


def _told(problem: Problem, what: str) -> Problem:
    detail = f"{problem.detail}; {what}"
    return Problem(problem.status, problem.slug, problem.title, detail, headers=problem.headers)


def _name(item: Object) -> str:
    return f"{item['kind']} {item['metadata']['name']}"
