"""Which port each Instance gets: the same one at every start, if it is free."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterable, Mapping

from gagarin.cli.errors import CommandError
from gagarin.core.objects import Key

LOOPBACK = "127.0.0.1"
FIRST = 8080
LAST = 65535


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def any_free() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def assigned(
    wanted: Iterable[Key],
    held: Mapping[Key, int],
    remembered: Mapping[Key, int],
    first: int | None,
    free: Callable[[int], bool] = is_free,
) -> dict[Key, int]:
    """A port for each that is wanted. `held` are those in use by the Instances themselves, `remembered` those
    of earlier times. `first` None: remembered ports, new ones from 8080 on; 0: any free ones; else from that
    one on, in the order given. Raises `CommandError` when there is none left."""
    ports: dict[Key, int] = {}
    for key in wanted:
        taken = {*held.values(), *ports.values()}
        if key in held:
            ports[key] = held[key]
        elif first == 0:
            ports[key] = any_free()
        elif first is None and key in remembered and remembered[key] not in taken and free(remembered[key]):
            ports[key] = remembered[key]
        else:
            others = {port for other, port in remembered.items() if other != key} if first is None else set()
            ports[key] = _next(first or FIRST, taken | others, free)
    return ports


def _next(first: int, taken: set[int], free: Callable[[int], bool]) -> int:
    for port in range(first, LAST + 1):
        if port not in taken and free(port):
            return port
    raise CommandError(f"--port: no port from {first} on is free")
