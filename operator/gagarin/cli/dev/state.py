"""What stays of `gagarin dev` when it ends, and how other commands find one that runs.

Each folder of manifests has a folder of its own below `$XDG_STATE_HOME/gagarin/dev` (`~/.local/state`): the
conversations and the ports of its Instances, and while it runs `session.json` and the developer's tokens. A
lock that the kernel keeps says whether it runs, so that one that was killed is not taken for alive.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from gagarin.cli.dev.report import Served
from gagarin.cli.errors import CommandError
from gagarin.core.objects import Key

SESSION = "session.json"


class Session(msgspec.Struct, frozen=True):
    """A running `gagarin dev`: of which folder, where its part of an API server is, and what it serves."""

    folder: str
    api_server: str
    api_token_file: str
    instances: tuple[Served, ...]


def states(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of all of them."""
    home = environment.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "gagarin" / "dev"


class State:
    """The state of one folder of manifests. Nobody else can read it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of(cls, manifests: Path, environment: Mapping[str, str] = os.environ) -> State:
        """Where it is for a file or folder of manifests."""
        path = str(manifests.resolve())
        name = re.sub(r"[^A-Za-z0-9._-]", "-", manifests.resolve().name)[:40]
        return cls(states(environment) / f"{name}-{hashlib.sha256(path.encode()).hexdigest()[:8]}")

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """For this process alone, while the block runs. Raises `CommandError`."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            message = f"{self.folder}: {error.strerror}; XDG_STATE_HOME can name another place"
            raise CommandError(message) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise CommandError("`gagarin dev` runs for this folder already; Ctrl-C there ends it") from error
        finally:
            (self.folder / SESSION).unlink(missing_ok=True)
            os.close(lock)

    def forget(self) -> None:
        """Conversations and ports are gone."""
        for entry in self.folder.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
        self._ports.unlink(missing_ok=True)

    def home(self, instance: Key) -> Path:
        """The folder of an Instance, made when it is not there."""
        home = self.folder / instance.namespace / instance.name
        (home / "data").mkdir(parents=True, exist_ok=True, mode=0o700)
        return home

    def ports(self) -> dict[Key, int]:
        """The ports of earlier times; what cannot be read is forgotten."""
        try:
            found = msgspec.json.decode(self._ports.read_bytes(), type=dict[str, int])
        except (OSError, msgspec.MsgspecError):
            return {}
        return {Key(*name.split("/")): port for name, port in found.items() if name.count("/") == 2}

    def remember(self, ports: Mapping[Key, int]) -> None:
        """The ports, for later times."""
        named = {"/".join(key): port for key, port in ports.items()}
        write_private(self._ports, msgspec.json.encode(named))

    def announce(self, session: Session) -> None:
        """Lets other commands find it."""
        write_private(self.folder / SESSION, msgspec.json.encode(session))

    @property
    def _ports(self) -> Path:
        return self.folder / "ports.json"


def running(environment: Mapping[str, str] = os.environ) -> list[Session]:
    """Every `gagarin dev` of this user that runs now."""
    return [
        session
        for file in sorted(states(environment).glob(f"*/{SESSION}"))
        if _is_held(file.parent / "lock") and (session := _session(file)) is not None
    ]


def find(sessions: Sequence[Session], name: str, namespace: str | None) -> tuple[Session, Served] | None:
    """The Instance of this name. Raises `CommandError` when several are meant."""
    found = [
        (session, served)
        for session in sessions
        for served in session.instances
        if served.name == name and namespace in (None, served.namespace)
    ]
    if len(found) > 1:
        places = ", ".join(f"{served.namespace} of {session.folder}" for session, served in found)
        raise CommandError(
            f"several `gagarin dev` Instances are called {name}: {places}; name one with --url"
        )
    return found[0] if found else None


def write_private(file: Path, content: bytes) -> bool:
    """Replaces a file in one step, for our eyes only; whether it changed."""
    with contextlib.suppress(OSError):
        if file.read_bytes() == content:
            return False
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = file.with_name(f".{file.name}.new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
    fresh.replace(file)
    return True


def _is_held(lock: Path) -> bool:
    try:
        with lock.open("rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _session(file: Path) -> Session | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Session)
    except (OSError, msgspec.MsgspecError):
        return None
