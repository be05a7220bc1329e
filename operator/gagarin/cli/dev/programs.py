"""A program that is kept running: started again when it ends by itself, until it is told to end.

Each time the wait before the next start doubles, up to half a minute; a program that has run for a minute has
recovered. What it said last is told with its end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from gagarin.cli.dev.process import PATIENT, Child, Command, Patience, started
from gagarin.cli.dev.report import Report
from gagarin.cli.errors import StartError

LONGEST_WAIT = 30.0
RECOVERED = 60.0  # seconds


class RunningProgram:
    """`name` is what it is called on the screen."""

    def __init__(
        self,
        name: str,
        report: Report,
        patience: Patience = PATIENT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._report = report
        self._patience = patience
        self._clock = clock
        self._child: Child | None = None
        self._keeping: asyncio.Task[None] | None = None

    @property
    def runs(self) -> bool:
        """Whether it was started and not ended by us."""
        return self._child is not None

    async def start(self, command: Command) -> None:
        """Returns when it is ready. Raises `StartError`."""
        self._child = await self._started(command)
        self._keeping = asyncio.create_task(self._keep(command))

    async def replace(self, command: Command) -> None:
        """Lets it finish what it is doing, and starts it with another command. Raises `StartError`; then it
        does not run."""
        await self._end(self._patience.drain)
        await self.start(command)

    async def stop(self) -> None:
        """Lets it finish what it is doing."""
        await self._end(self._patience.drain)

    async def end(self) -> None:
        """It is over at once."""
        await self._end(self._patience.end)

    async def _end(self, patience: float) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
            self._keeping = None
        if self._child is not None:
            await self._child.stop(patience)
            self._child = None

    async def _started(self, command: Command) -> Child:
        return await started(self._name, command, self._pass_on, self._patience)

    def _pass_on(self, line: str) -> None:
        self._report.said(self._name, line)

    async def _keep(self, command: Command) -> None:
        wait = self._patience.again
        while self._child is not None:
            begun = self._clock()
            status = await self._child.ended()
            if self._clock() - begun > RECOVERED:
                wait = self._patience.again
            self._report.crashed(self._name, status, tuple(self._child.last_lines), wait)
            wait = await self._again(command, wait)

    async def _again(self, command: Command, wait: float) -> float:
        """Starts it until it is ready; the next wait."""
        while True:
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)
            try:
                self._child = await self._started(command)
            except StartError as error:
                self._report.failed(self._name, f"{error}\n  next try in {wait:g} s")
            else:
                self._report.recovered(self._name)
                return wait
