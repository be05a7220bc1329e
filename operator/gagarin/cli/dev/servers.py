"""The chat servers of `gagarin dev`, brought to what a plan says with as little as possible.

A server whose configuration is the same goes on; values of Secrets and documents reach it by their files. One
whose configuration changed finishes its answers and is started anew on the same port with the same
conversations; if it does not start like that, it is started as it was before.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gagarin.cli.dev.authority import DEVELOPER, Authority
from gagarin.cli.dev.bridge import PROXIES, Bridge
from gagarin.cli.dev.inputs import Inputs, Written
from gagarin.cli.dev.plan import Server
from gagarin.cli.dev.ports import LOOPBACK
from gagarin.cli.dev.process import PATIENT, Command, Patience
from gagarin.cli.dev.programs import RunningProgram
from gagarin.cli.dev.report import Report, Served
from gagarin.cli.dev.state import State, write_private
from gagarin.cli.errors import StartError
from gagarin.core import names
from gagarin.core.objects import Key


@dataclass(frozen=True, slots=True)
class Stage:
    """What every chat server is started with: `runtime` is a folder that ends with us, `folder` that of the
    manifests."""

    folder: Path
    runtime: Path
    state: State
    authority: Authority
    api_server: str
    report: Report
    patience: Patience = PATIENT


@dataclass(slots=True)
class _Running:
    server: Server
    port: int
    inputs: Inputs
    program: RunningProgram
    bridges: dict[str, Bridge] = field(default_factory=dict)


class Servers:
    """All that run. One change at a time."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._running: dict[Key, _Running] = {}
        self._count = 0

    @property
    def ports(self) -> dict[Key, int]:
        """Where they listen."""
        return {key: each.port for key, each in self._running.items()}

    @property
    def urls(self) -> dict[Key, str]:
        """How others reach them."""
        return {key: url_of(each.server, each.port) for key, each in self._running.items()}

    @property
    def served(self) -> list[Served]:
        """All that can be reached, in the order of their names."""
        return [self._served(each) for _, each in sorted(self._running.items())]

    async def keep_only(self, wanted: Iterable[Key]) -> None:
        """Stops those that are not wanted any more."""
        for key in sorted(self._running.keys() - set(wanted)):
            running = self._running.pop(key)
            await running.program.stop()
            await _close(running.bridges.values())
            self._token_file(key).unlink(missing_ok=True)
            self._stage.report.tell("stopped", "ready", f"{key} is stopped", object=str(key))

    async def bring(self, servers: Iterable[Server], ports: Mapping[Key, int]) -> bool:
        """Each to what it is to be: whether all of them are. What does not start is reported."""
        return all(await asyncio.gather(*(self._bring(server, ports[server.key]) for server in servers)))

    async def renew_tokens(self) -> None:
        """Fresh tokens for everyone, long before the old ones expire."""
        for running in self._running.values():
            running.inputs.write_tokens(running.server, self._stage.authority)
            self._write_token(running.server)

    async def end(self) -> None:
        """All of them, at once."""
        running = list(self._running.values())
        for key in self._running:
            self._token_file(key).unlink(missing_ok=True)
        await asyncio.gather(*(each.program.end() for each in running))
        await _close(bridge for each in running for bridge in each.bridges.values())

    async def _bring(self, server: Server, port: int) -> bool:
        running = self._running.get(server.key)
        try:
            if running is None:
                await self._begin(server, port)
            elif running.server.configuration != server.configuration or not running.program.runs:
                await self._replace(running, server)
            else:
                await self._refresh(running, server)
        except StartError as error:
            self._stage.report.failed(server.key.name, str(error))
            return False
        return True

    async def _begin(self, server: Server, port: int) -> None:
        self._count += 1
        inputs = Inputs(self._stage.runtime / str(self._count))
        name = _name(server.key)
        running = _Running(
            server, port, inputs, RunningProgram(name, self._stage.report, self._stage.patience)
        )
        try:
            await self._write(running, server)
            await running.program.start(self._command(running))
        except BaseException:
            await running.program.end()
            await _close(running.bridges.values())
            raise
        self._running[server.key] = running
        self._stage.report.ready(self._served(running), "is ready")

    async def _replace(self, running: _Running, server: Server) -> None:
        before, running.server = running.server, server
        await self._write(running, server)
        try:
            await running.program.replace(self._command(running))
        except StartError as error:
            running.server = before
            await self._write(running, before)
            await running.program.replace(self._command(running))
            raise StartError(f"{error}\n  it goes on as it was before") from error
        self._stage.report.ready(self._served(running), "has taken over the change")

    async def _refresh(self, running: _Running, server: Server) -> None:
        running.server = server
        written = await self._write(running, server)
        for changed, what in ((written.secrets, "Secrets"), (written.documents, "documents")):
            if changed:
                message = f"{server.key}: new values of {what}, taken over without a restart"
                self._stage.report.tell("refreshed", "ready", message, object=str(server.key))

    async def _write(self, running: _Running, server: Server) -> Written:
        self._write_token(server)
        await self._bridge(running, server)
        return running.inputs.write(server, self._stage.authority)

    async def _bridge(self, running: _Running, server: Server) -> None:
        wanted = {program.socket: program for program in server.programs}
        for socket in running.bridges.keys() - wanted.keys():
            await _close([running.bridges.pop(socket)])
            (running.inputs.sockets / socket).unlink(missing_ok=True)
        for socket, program in wanted.items():
            if known := running.bridges.get(socket):
                known.program = program
                continue
            bridge = Bridge(program, self._stage.folder, self._stage.report.said)
            try:
                await bridge.open(running.inputs.sockets / socket)
            except OSError as error:  # a path that is too long for a socket, for one
                raise StartError(f"{program.tool}: {error.strerror or error}") from error
            running.bridges[socket] = bridge

    def _write_token(self, server: Server) -> None:
        audience = server.configuration.auth.audiences[0]
        token = self._stage.authority.token(server.key.namespace, DEVELOPER, audience)
        write_private(self._token_file(server.key), token.encode())

    def _token_file(self, key: Key) -> Path:
        return self._stage.state.home(key) / "token"

    def _command(self, running: _Running) -> Command:
        data = self._stage.state.home(running.server.key) / "data"
        arguments = running.inputs.arguments(data, running.port, self._stage.api_server)
        drain = ("--drain-seconds", f"{self._stage.patience.drain:g}")
        return Command("gagarin.server", (*arguments, *drain), environment_of(running.server, os.environ))

    def _served(self, running: _Running) -> Served:
        server, tls = running.server, running.server.configuration.tls
        return Served(
            name=server.key.name,
            namespace=server.key.namespace,
            url=url_of(server, running.port),
            token_file=str(self._token_file(server.key)),
            revision=server.configuration.revision,
            server_name=names.audience(server.key.name, server.key.namespace) if tls else None,
            ca_file=str(running.inputs.folder / "secrets" / tls.certificate_file) if tls else None,
        )


async def _close(bridges: Iterable[Bridge]) -> None:
    await asyncio.gather(*(bridge.close() for bridge in bridges))


def _name(key: Key) -> str:
    return key.name if key.namespace == "default" else f"{key.namespace}/{key.name}"


def url_of(server: Server, port: int) -> str:
    """Where a chat server is, here."""
    return f"{'https' if server.configuration.tls else 'http'}://{LOOPBACK}:{port}"


def environment_of(server: Server, ours: Mapping[str, str]) -> dict[str, str]:
    """The environment of a chat server: ours, without options for other programs of this product, and what
    the manifest says. A proxy is not for what is on this machine."""
    kept = {name: value for name, value in ours.items() if not name.startswith("GAGARIN_")}
    if any(name.lower() in PROXIES for name in kept):
        known = kept.get("no_proxy") or kept.get("NO_PROXY") or ""
        kept["no_proxy"] = kept["NO_PROXY"] = ",".join(filter(None, (known, "localhost", LOOPBACK)))
    return kept | dict(server.environment)
