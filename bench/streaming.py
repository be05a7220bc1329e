"""How many chunks of a stream a second of CPU time passes on, of the proxy and of the chat server.

CPU time is the kernel's count for the process, so neither the client nor the stub is in it, and other work on
the machine changes it little. `single`: the model writes each chunk by itself, as vendors do when tokens come
one by one. `batched`: it writes 64 at a time, as they arrive when a connection is busy.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

from bench.loadclient import BadAnswerError, Connection
from bench.results import Measurement
from bench.rig import Target

ROUNDS = 5
STREAMS, CHUNKS = 5, 20_000
_LEAST_CHUNK = len('event: token\ndata: {"text":"a"}\n\n')
MODES = {"single": 1, "batched": 64}


class Rates(NamedTuple):
    """Chunks a second of the process's CPU time, and of the clock's."""

    cpu: float
    wall: float


def streaming(targets: Sequence[Target]) -> Iterator[Measurement]:
    """`targets` are the direct call, the proxy if there is one, and the chat server last."""
    for mode, coalesce in MODES.items():
        yield from _mode(targets, mode, coalesce)


def _mode(targets: Sequence[Target], mode: str, coalesce: int) -> Iterator[Measurement]:
    rounds = [[_rates(target, coalesce) for target in targets] for _ in range(ROUNDS + 1)][1:]
    cpu = [median(rates[index].cpu for rates in rounds) for index in range(len(targets))]
    wall = [median(rates[index].wall for rates in rounds) for index in range(len(targets))]
    unit = "chunks per second"
    yield Measurement(name=f"stream.chunks_per_second.direct.{mode}", value=wall[0], unit=unit)
    yield Measurement(
        name=f"stream.chunks_per_second.{mode}",
        value=wall[-1],
        unit=unit,
        versus="direct call",
        reference=wall[0],
    )
    name, unit = f"stream.chunks_per_cpu_second.{mode}", "chunks per CPU-second"
    if len(targets) < 3:
        yield Measurement(name=name, value=cpu[-1], unit=unit, note="no Go: no proxy beside it")
        return
    yield Measurement(name=f"stream.chunks_per_cpu_second.proxy.{mode}", value=cpu[1], unit=unit)
    yield Measurement(name=name, value=cpu[-1], unit=unit, versus=targets[1].name, reference=cpu[1])


def _rates(target: Target, coalesce: int) -> Rates:
    request = target.stream_request(f"[stub tokens={CHUNKS} coalesce={coalesce}]")
    cpu, clock = target.process.cpu_seconds(), time.perf_counter()
    with Connection(target.process.port) as connection:
        for _ in range(STREAMS):
            size = connection.stream(request, target.first_token, target.last_event).size
            if size < CHUNKS * _LEAST_CHUNK:
                raise BadAnswerError(f"{target.name}: {size} bytes are fewer than {CHUNKS} chunks have")
    chunks = STREAMS * CHUNKS
    return Rates(
        cpu=chunks / max(target.process.cpu_seconds() - cpu, 0.01),
        wall=chunks / (time.perf_counter() - clock),
    )
