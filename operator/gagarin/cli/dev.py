"""`gagarin dev`: the same manifests without a cluster.

Reads a folder, resolves every Instance with the code the operator uses, and runs its chat server as a
process on loopback. Tokens come from an issuer of its own and access is decided by the Roles in the folder
(see authority.py); what cannot be reached from here is served by the stub model server (see offline.py).
Conversations live in a temporary folder and end with the command.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import tempfile
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from gagarin.cli.authority import DEVELOPER, Authority
from gagarin.cli.conversation import Served, converse
from gagarin.cli.errors import CommandError
from gagarin.cli.manifests import read_manifests
from gagarin.cli.offline import without_cluster
from gagarin.cli.process import Echo, ProcessGroup
from gagarin.core import config
from gagarin.core.objects import Key, Object, ObjectMap
from gagarin.core.resolve import Resolved, resolve

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Options:
    """What the command was asked for. `port` is that of the first Instance; 0 takes any free ones."""

    path: Path
    port: int
    say: str | None


async def run(options: Options, echo: Echo) -> int:
    """Serves the folder until a child ends or the task is cancelled; returns the exit status."""
    manifests = read_manifests(options.path)
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gagarin-dev-")))
        group = await stack.enter_async_context(ProcessGroup(echo))
        objects = await _offline_objects(manifests, group, echo)
        authority = Authority(manifests)
        api_server = await stack.enter_async_context(_listening(authority.app()))
        served = await _serve_all(_Stage(folder, group, authority, api_server), objects, options.port, echo)
        if options.say is not None:
            return await converse(served, options.say, echo)
        _explain(served, echo)
        child, status = await group.first_to_end()
        echo(f"{child.name} ended with status {status}")
        return 1


async def _offline_objects(manifests: Sequence[Object], group: ProcessGroup, echo: Echo) -> ObjectMap:
    stubbed = without_cluster(manifests, "").stubbed
    if not stubbed:
        return ObjectMap(list(manifests))
    stub = await group.start("stub", "gagarin.stub", "--host", LOOPBACK, "--port", "0")
    for key, reason in stubbed.items():
        echo(f"{key}: answered by the stub model server, because {reason}")
    return without_cluster(manifests, f"http://{LOOPBACK}:{stub.port}/v1").objects


@contextlib.asynccontextmanager
async def _listening(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, 0).start()
        yield f"http://{LOOPBACK}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@dataclass(frozen=True)
class _Stage:
    """What every chat server is started with."""

    folder: Path
    group: ProcessGroup
    authority: Authority
    api_server: str

    async def serve(self, resolved: Resolved, objects: ObjectMap, port: int) -> Served:
        name, namespace = resolved.config.name, resolved.config.namespace
        home = self.folder / namespace / name
        _write_inputs(home, resolved, objects)
        pod_token = self.authority.token(namespace, f"{name}-agent", self.api_server)
        _write_private(home / "pod-token", pod_token)
        token = self.authority.token(namespace, DEVELOPER, resolved.config.auth.audiences[0])
        _write_private(home / "token", token)
        child = await self.group.start(name, "gagarin.server", *_arguments(home, self.api_server, port))
        return Served(name, f"http://{LOOPBACK}:{child.port}", token, home / "token")


def _arguments(home: Path, api_server: str, port: int) -> list[str]:
    options = {
        "--config": home / config.FILE_NAME,
        "--secrets": home / "secrets",
        "--data": home / "data",
        "--host": LOOPBACK,
        "--port": port,
        "--ops-port": 0,
        "--api-server": api_server,
        "--api-token-file": home / "pod-token",
    }
    return [str(part) for option in options.items() for part in option]


def _write_inputs(home: Path, resolved: Resolved, objects: ObjectMap) -> None:
    (home / "data").mkdir(parents=True)
    (home / config.FILE_NAME).write_text(config.encode(resolved.config), encoding="utf-8")
    (home / "secrets").mkdir()
    for file in resolved.secret_files:
        secret = objects[Key("Secret", file.namespace, file.secret)]
        _write_private(home / "secrets" / file.path, base64.b64decode(secret["data"][file.key]))


def _write_private(file: Path, content: str | bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_bytes(content.encode() if isinstance(content, str) else content)


async def _serve_all(stage: _Stage, objects: ObjectMap, port: int, echo: Echo) -> list[Served]:
    starting: list[Coroutine[Any, Any, Served]] = []
    for resolved in _resolved_instances(objects, echo):
        starting.append(stage.serve(resolved, objects, port + len(starting) if port else 0))
    if not starting:
        raise CommandError("there is no Instance to run: see the messages above")
    return list(await asyncio.gather(*starting))


def _resolved_instances(objects: ObjectMap, echo: Echo) -> list[Resolved]:
    found = []
    for key, item in sorted(objects.items()):
        if key.kind != "Instance":
            continue
        resolution = resolve(item, objects)
        for problem in resolution.problems:
            echo(f"{key}: {problem.condition}=False {problem.reason}: {problem.message}")
        if resolution.resolved:
            found.append(resolution.resolved)
    return found


def _explain(served: list[Served], echo: Echo) -> None:
    for one in served:
        echo(f"{one.name} is ready. Try:")
        echo(
            f'  curl -H "Authorization: Bearer $(cat {one.token_file})" {one.url}/chat '
            """-H 'Content-Type: application/json' -d '{"input": "Hello"}'"""
        )
    echo("Ctrl-C ends it.")
