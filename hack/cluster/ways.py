"""Which kind of cluster to use: the current context when asked for, kind with Docker, else a node of our own.

The choice is made once, by `up`, and remembered until `down`: a Docker engine that starts or stops in between
must not make the other commands look at another cluster.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from hack.cluster import machine
from hack.cluster.errors import ClusterError, NoWayError
from hack.cluster.processes import succeeds
from hack.cluster.settings import Settings


class Way(StrEnum):
    EXISTING = "existing"
    KIND = "kind"
    NODE = "node"


@dataclass(frozen=True)
class Probes:
    """The questions put to the machine; tests answer them."""

    docker: Callable[[], bool]
    kind: Callable[[], bool]
    obstacles: Callable[[], list[str]]


def probes(settings: Settings) -> Probes:
    return Probes(
        docker=lambda: succeeds("docker", "info", timeout=10),
        kind=lambda: succeeds("kind", "version") or succeeds("go", "version"),
        obstacles=lambda: machine.obstacles(settings),
    )


def decide(wish: str, ask: Probes) -> Way:
    """The way for the value of CLUSTER (empty: the best one); NoWayError says what each one lacks."""
    if wish and wish not in set(Way):
        raise ClusterError(f"CLUSTER is {wish!r}; it may be {', '.join(Way)} or unset")
    if wish == Way.EXISTING:
        return Way.EXISTING
    reasons = []
    if wish != Way.NODE:
        lacks = _kind_lacks(ask)
        if not lacks:
            return Way.KIND
        reasons.append(lacks)
    if wish != Way.KIND:
        lacks_node = ask.obstacles()
        if not lacks_node:
            return Way.NODE
        reasons += lacks_node
    raise NoWayError(
        "no cluster can be made on this machine:\n" + "\n".join(f"  - {reason}" for reason in reasons)
    )


def current(settings: Settings, env: Mapping[str, str] = os.environ) -> Way:
    """The way in use, else the one that `up` would take."""
    wish = env.get("CLUSTER", "")
    known = remembered(settings)
    if known is None or wish == Way.EXISTING:
        return decide(wish, probes(settings))
    if wish not in {"", known}:
        raise ClusterError(
            f"CLUSTER is {wish!r}, but a cluster of the kind {known.value!r} is in use: end it first"
        )
    return known


def remembered(settings: Settings) -> Way | None:
    file = settings.cache / "way"
    return Way(file.read_text()) if file.exists() else None


def remember(settings: Settings, way: Way) -> None:
    settings.cache.mkdir(parents=True, exist_ok=True)
    (settings.cache / "way").write_text(way)


def forget(settings: Settings) -> None:
    (settings.cache / "way").unlink(missing_ok=True)


def _kind_lacks(ask: Probes) -> str:
    if not ask.docker():
        return "kind needs a working Docker engine (`docker info` fails)"
    if not ask.kind():
        return "kind is not on the PATH, and there is no Go to build it with"
    return ""
