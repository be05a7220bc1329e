"""Many open streams at once: what a chunk costs then, how evenly the tokens come, and what unread ones hold.

500 readers, each of an answer of ten tokens a second. How long the longest pauses between two tokens are
shows whether some streams wait for others; those of direct calls, with the same client, are beside it.

2,000 readers that read nothing, of a model that writes as fast as it can: what the server then holds for each
of them is bounded by its buffers and no longer by what the model says.
"""

from __future__ import annotations

import selectors
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from statistics import median
from typing import NamedTuple

from bench.footprint import affordable
from bench.loadclient import Connection, Tail
from bench.results import Measurement
from bench.rig import Rig, Target

ROUNDS = 3
STREAMS, CHUNKS = 500, 40
BETWEEN = 0.1  # seconds
TEXT = f"[stub tokens={CHUNKS} between_tokens={BETWEEN}]"
_PATIENCE = 60.0
SILENT = 2000  # readers that read nothing
TORRENT = "[stub tokens=100000 coalesce=64]"  # 20 MB
_UNREAD = 16 * 1024  # what a silent reader's kernel takes in
_STILL = 1.0  # seconds without work, after which nothing more will come
KB = 1_000


class Pace(NamedTuple):
    """Chunks a second of the process's CPU time; the 99th percentile of the seconds between two of them."""

    cpu: float
    gap: float


def streams(targets: Sequence[Target]) -> Iterator[Measurement]:
    """`targets` are the direct call, the proxy if there is one, and the chat server last."""
    rounds = [[_pace(target) for target in targets] for _ in range(ROUNDS)]
    cpu = [median(paces[index].cpu for paces in rounds) for index in range(len(targets))]
    gap = [median(paces[index].gap for paces in rounds) * 1000 for index in range(len(targets))]
    note = f"{affordable(STREAMS)} streams at once, {1 / BETWEEN:g} tokens a second each"
    unit = "chunks per CPU-second"
    for target, figure in list(zip(targets, cpu, strict=True))[1:-1]:
        yield Measurement(name=f"streams.chunks_per_cpu_second.{target.part}", value=figure, unit=unit)
    yield Measurement(
        name="streams.chunks_per_cpu_second",
        value=cpu[-1],
        unit=unit,
        versus=targets[1].name if len(targets) > 2 else None,
        reference=cpu[1] if len(targets) > 2 else None,
        note=note,
    )
    yield Measurement(
        name="streams.gap.p99", value=gap[-1], unit="ms", versus="direct call", reference=gap[0], note=note
    )


def slow_readers(rig: Rig) -> Iterator[Measurement]:
    """What a server holds for each stream that nobody reads, and how long a chat takes beside them."""
    count = affordable(SILENT)
    with rig.server() as server, ExitStack() as silent:
        caller = silent.enter_context(Connection(server.process.port))
        alone = _chat_time(caller, server)
        before = server.process.memory().rss
        request = server.stream_request(TORRENT)
        for _ in range(count):
            silent.enter_context(Connection(server.process.port, _UNREAD)).send(request)
        _wait_until_still(server)
        held = server.process.memory().rss - before
        beside = _chat_time(caller, server)
    note = f"{count} streams of which nothing is read; the model would write 20 MB of each"
    yield Measurement(name="streams.slow_readers.memory", value=held / count / KB, unit="kB", note=note)
    yield Measurement(
        name="streams.slow_readers.chat.p50",
        value=beside * 1000,
        unit="ms",
        versus="a server without them",
        reference=alone * 1000,
        note=note,
    )


def _chat_time(caller: Connection, server: Target) -> float:
    return median(caller.call(server.chat_request("Good morning.")) for _ in range(50))


def _wait_until_still(server: Target) -> None:
    """Until it does nothing any more: all streams are full."""
    used = -1.0
    while (now := server.process.cpu_seconds()) > used:
        used = now
        time.sleep(_STILL)


def _pace(target: Target) -> Pace:
    count = affordable(STREAMS)
    with ExitStack() as stack:
        connections = [stack.enter_context(Connection(target.process.port)) for _ in range(count)]
        cpu = target.process.cpu_seconds()
        gaps = sorted(_gaps(connections, target.stream_request(TEXT), target.last_event))
        used = target.process.cpu_seconds() - cpu
    return Pace(cpu=count * CHUNKS / max(used, 0.01), gap=gaps[int(len(gaps) * 0.99)])


def _gaps(connections: Sequence[Connection], request: bytes, last: bytes) -> list[float]:
    """Seconds between what arrives and what arrived before it, of all streams."""
    tails = {connection.fileno(): Tail(last) for connection in connections}
    arrived: dict[int, float] = {}
    gaps: list[float] = []
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            connection.send(request)
            selector.register(connection.fileno(), selectors.EVENT_READ, connection)
        while selector.get_map():
            for key, _ in selector.select(_PATIENCE):
                tails[key.fd].take(key.data.receive())
                now = time.perf_counter()
                if key.fd in arrived:
                    gaps.append(now - arrived[key.fd])
                arrived[key.fd] = now
                if tails[key.fd].is_over:
                    selector.unregister(key.fd)
    return gaps
