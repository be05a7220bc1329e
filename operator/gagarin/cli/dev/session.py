"""One run of `gagarin dev`: read, plan, serve, and follow the files until it is told to end.

What could not be taken over is said, and what ran before goes on: a file that cannot be read changes nothing
at all, an Instance that cannot be resolved keeps what it had. Only at the start it ends the command, when
there is nothing to serve.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from gagarin.cli.dev.authority import API_AUDIENCE, DEVELOPER, TOKEN_SECONDS, Authority
from gagarin.cli.dev.conversation import converse
from gagarin.cli.dev.offline import Machine
from gagarin.cli.dev.plan import Plan, plan_of
from gagarin.cli.dev.ports import LOOPBACK, any_free, assigned, is_free
from gagarin.cli.dev.process import PATIENT, Command, Patience
from gagarin.cli.dev.programs import RunningProgram
from gagarin.cli.dev.report import Report
from gagarin.cli.dev.servers import Servers, Stage, url_of
from gagarin.cli.dev.state import Session, State, write_private
from gagarin.cli.dev.variables import variables_of
from gagarin.cli.dev.watch import Snapshot, changes, snapshot
from gagarin.cli.errors import CommandError, ManifestError, StartError
from gagarin.cli.manifests import read
from gagarin.core.objects import Key, ObjectMap

STUB = Key("Stub", "", "stub")  # among the ports


@dataclass(frozen=True)
class Options:
    """What the command was asked for. `port` is that of the first Instance, 0 takes any free ones, and None
    those of the last time. `strict`: nothing stands in for what is missing. `fresh`: without what is left
    of the last time."""

    path: Path
    port: int | None = None
    env_files: tuple[Path, ...] = ()
    say: str | None = None
    strict: bool = False
    fresh: bool = False

    @property
    def folder(self) -> Path:
        """The folder of the manifests."""
        return self.path if self.path.is_dir() else self.path.parent

    @property
    def variables(self) -> tuple[Path, ...]:
        """The files of variables: those that were named, else `.env` of the folder if there is one."""
        default = self.folder / ".env"
        return self.env_files or ((default,) if default.is_file() else ())


async def run(options: Options, report: Report, patience: Patience = PATIENT) -> int:
    """Serves the folder until the task is cancelled; with `say`, until it is answered. The exit status."""
    async with contextlib.AsyncExitStack() as stack:
        runtime = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gagarin-dev-")))
        state = State(runtime / "state") if options.say is not None else State.of(options.path)
        stack.enter_context(state.held())
        if options.fresh:
            state.forget()
        authority = Authority(ObjectMap())
        api_server = await stack.enter_async_context(_listening(authority.app()))
        stage = Stage(options.folder, runtime, state, authority, api_server, report, patience)
        session = _Session(options, stage)
        stack.push_async_callback(session.end)
        known = session.look()
        await session.begin()
        if options.say is not None:
            return await converse(session.servers.served, options.say, report)
        report.how_to(session.servers.served, options.path)
        keeping = asyncio.create_task(session.keep_tokens())
        stack.callback(keeping.cancel)
        await session.follow(known)
    return 0


@contextlib.asynccontextmanager
async def _listening(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, 0).start()
        yield f"http://{LOOPBACK}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _stub_port(state: State) -> int:
    """The same as the last time, because it is part of the revisions of what asks the stub."""
    port = state.ports().get(STUB)
    return port if port and is_free(port) else any_free()


class _Session:
    """The files as they were taken over last, and what runs of them."""

    def __init__(self, options: Options, stage: Stage) -> None:
        self._options = options
        self._stage = stage
        self._report = stage.report
        self._said: frozenset[object] = frozenset()
        self._stub_port = _stub_port(stage.state)
        self._stub = RunningProgram("stub", stage.report, stage.patience)
        self.servers = Servers(stage)
        self._machine = Machine(
            f"http://{LOOPBACK}:{self._stub_port}/v1",
            lambda name: importlib.util.find_spec(name) is not None,
            lambda name: shutil.which(options.folder / name if "/" in name else name),
        )

    def look(self) -> Snapshot:
        """The state of the files."""
        options = self._options
        return snapshot(options.path, (*options.env_files, options.folder / ".env"))

    async def begin(self) -> None:
        """The first time. Raises `CommandError` when nothing can be served."""
        plan = self._planned()
        self._say(plan)
        if not plan.servers:
            raise CommandError("there is no Instance to run: see the messages above")
        await self._take_over(plan)
        if not self.servers.served:
            raise CommandError("no Instance could be started: see the messages above")

    async def follow(self, known: Snapshot) -> None:
        """Takes over every change of the files."""
        async for _ in changes(self.look, known):
            try:
                plan = self._planned()
                self._say(plan)
                whole = await self._take_over(plan)
            except ManifestError as error:
                self._report.unreadable(error)
            except CommandError as error:
                self._report.tell("refused", "error", str(error))
            else:
                what = "the change" if whole else "what else has changed"
                self._report.tell("taken-over", "info", f"{what} is taken over")
                continue
            self._report.tell("unchanged", "ready", "nothing was taken over; what ran before goes on")

    async def keep_tokens(self) -> None:
        """Renews tokens long before they expire."""
        while True:
            await asyncio.sleep(TOKEN_SECONDS / 3)
            await self.servers.renew_tokens()
            self._write_api_token()

    async def end(self) -> None:
        """Everything, at once."""
        await asyncio.gather(self.servers.end(), self._stub.end())

    def _planned(self) -> Plan:
        """Raises `CommandError`; `ManifestError` for the first file that cannot be taken."""
        reading = read([self._options.path])
        for fault in reading.faults[1:]:
            self._report.unreadable(fault)
        for fault in reading.faults[:1]:
            raise fault
        variables = variables_of(os.environ, self._options.variables)
        plan = plan_of(reading, variables, self._machine)
        if self._options.strict and plan.lacks:
            raise CommandError("\n  ".join(("--strict: nothing may stand in", *map(str, plan.lacks))))
        return plan

    def _say(self, plan: Plan) -> None:
        """What was not said of the files as they were before."""
        for finding in plan.findings:
            if finding not in self._said:
                self._report.finding(finding)
        for lack in plan.lacks:
            if lack not in self._said:
                self._report.tell("lack", "warning", str(lack), object=str(lack.object))
        for note in plan.notes:
            if note not in self._said:
                self._report.tell("note", "info", note)
        self._said = frozenset((*plan.findings, *plan.lacks, *plan.notes))

    async def _take_over(self, plan: Plan) -> bool:
        """Whether all of it could be."""
        wanted = {server.key for server in plan.servers}
        self._stage.authority.objects = plan.objects
        await self.servers.keep_only(wanted | plan.kept)
        for key in sorted(plan.kept & self.servers.ports.keys()):
            self._report.tell("kept", "warning", f"{key} goes on as it was before", object=str(key))
        ports = self._ports(plan)
        here = {server.key: url_of(server, ports[server.key]) for server in plan.servers}
        placed = [server.addressed(self.servers.urls | here) for server in plan.servers]
        _, started = await asyncio.gather(self._start_stub(plan), self.servers.bring(placed, ports))
        self._announce()
        return started and not plan.kept

    def _ports(self, plan: Plan) -> dict[Key, int]:
        first, state = self._options.port, self._stage.state
        remembered = state.ports() | {STUB: self._stub_port}
        wanted = sorted(server.key for server in plan.servers)
        ports = assigned(wanted, self.servers.ports, remembered, first)
        if first is None:
            state.remember(ports | remembered)
        else:
            state.remember(remembered | (ports if first else {}))
        return ports

    async def _start_stub(self, plan: Plan) -> None:
        """Where something asks it, and it does not run yet."""
        if self._stub.runs or not plan.stubbed:
            return
        arguments = ("--host", LOOPBACK, "--port", str(self._stub_port))
        try:
            await self._stub.start(Command("gagarin.stub", arguments, dict(os.environ)))
        except StartError as error:
            self._report.failed("stub", str(error))

    def _announce(self) -> None:
        """For `gagarin chat` and `gagarin token`."""
        self._write_api_token()
        session = Session(
            folder=str(self._options.path.resolve()),
            api_server=self._stage.api_server,
            api_token_file=str(self._api_token),
            instances=tuple(self.servers.served),
        )
        self._stage.state.announce(session)

    def _write_api_token(self) -> None:
        token = self._stage.authority.token("default", DEVELOPER, API_AUDIENCE)
        write_private(self._api_token, token.encode())

    @property
    def _api_token(self) -> Path:
        return self._stage.runtime / "api-token"
