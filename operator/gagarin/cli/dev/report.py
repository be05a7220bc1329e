"""What `gagarin dev` says: lines for people, or one JSON object a line for programs.

`--quiet` leaves out what is only good to know. In JSON every object has `event`, `level` (info, ready,
warning, error) and `message`; the others are named where they are made.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from gagarin.cli.dev.process import Echo
from gagarin.cli.errors import ManifestError
from gagarin.cli.findings import Finding
from gagarin.cli.terminal import printable

FORMATS = ("text", "json")
Level = Literal["info", "ready", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Served:
    """A running Instance and how the developer reaches it. `server_name`: the name in its certificate, which
    `ca_file` vouches for, where it serves TLS."""

    name: str
    namespace: str
    url: str
    token_file: str
    revision: str
    server_name: str | None = None
    ca_file: str | None = None

    @property
    def called(self) -> str:
        """How a command names it: with the namespace where that is not the usual one."""
        return self.name if self.namespace == "default" else f"{self.name} -n {self.namespace}"


class Report:
    """Says each thing as soon as it is known."""

    def __init__(self, echo: Echo, output: str = "text", *, quiet: bool = False) -> None:
        self._echo = echo
        self._json = output == "json"
        self._quiet = quiet

    def tell(self, event: str, level: Level, message: str, **more: Any) -> None:
        """One thing."""
        if self._quiet and level == "info":
            return
        if self._json:
            self._echo(json.dumps({"event": event, "level": level, "message": message, **more}))
        else:
            self._echo("\n".join(map(printable, message.split("\n"))))

    def finding(self, found: Finding) -> None:
        """A mistake in a file, where `gagarin lint` would say it."""
        message = f"{found.file}:{found.line}:{found.column}: {found.severity} {found.rule}: "
        message += f"{found.object}: {found.message}" if found.object else found.message
        more = asdict(found)
        del more["message"], more["severity"]
        self.tell("finding", found.severity, message, **more)

    def unreadable(self, fault: ManifestError) -> None:
        """A file that cannot be taken."""
        self.tell("finding", "error", str(fault), file=fault.file, line=fault.line, column=fault.column)

    def ready(self, served: Served, what: str) -> None:
        """An Instance serves; `what` is how it came to that: ready, or taken over after a change."""
        message = f"{served.namespace}/{served.name} {what} at {served.url} (revision {served.revision})"
        self.tell("ready", "ready", message, **asdict(served))

    def how_to(self, served: Sequence[Served], folder: Path) -> None:
        """What to do now: once, after the start."""
        first = served[0]
        curl = "curl" if first.server_name is None else "curl --insecure"
        lines = (
            "",
            f"  gagarin chat {first.called}",
            f'  {curl} -H "Authorization: Bearer $(gagarin token {first.called})" {first.url}/chat \\',
            """    -H 'Content-Type: application/json' -d '{"input": "Hello"}'""",
            "",
            f"Changes in {folder} are taken over as they are saved. Ctrl-C ends it.",
        )
        self.tell("following", "info", "\n".join(lines), folder=str(folder))

    def said(self, name: str, line: str) -> None:
        """What a process wrote that is no routine."""
        self.tell("log", "warning", f"[{name}] {line}", name=name)

    def crashed(self, name: str, status: int, last_lines: Sequence[str], wait: float) -> None:
        """A process ended by itself."""
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        why = "".join(f"\n  {line}" for line in last_lines)
        message = f"{name} {how}; it is started again in {wait:g} s{why}"
        self.tell("crashed", "error", message, name=name, status=status)

    def failed(self, name: str, message: str) -> None:
        """A process could not be started."""
        self.tell("failed", "error", message, name=name)

    def recovered(self, name: str) -> None:
        """A process runs again."""
        self.tell("recovered", "ready", f"{name} runs again", name=name)
