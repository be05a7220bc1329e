"""How many chunks of streams a second of CPU time passes on, of the proxy and of the chat server.

CPU time is the kernel's count for the process, so neither the client nor the stub is in it, and other work on
the machine changes it little. Three ways for chunks to arrive: `paced`, many streams at once whose tokens
come one by one, as in real use; `single`, one stream as fast as the model can write chunk by chunk;
`batched`, one stream of which it writes 64 chunks at a time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

from bench.loadclient import Connection, take_all
from bench.results import Measurement
from bench.rig import Target

ROUNDS = 5
UNIT = "chunks per CPU-second"


class Load(NamedTuple):
    """Streams and how the model sends them: `concurrent` at once, `turns` times."""

    concurrent: int
    turns: int
    chunks: int
    directive: str

    @property
    def total(self) -> int:
        """Chunks in all."""
        return self.concurrent * self.turns * self.chunks

    @property
    def text(self) -> str:
        """What to say to get such a stream."""
        return f"[stub tokens={self.chunks} {self.directive}]"


LOADS = {
    "paced": Load(60, 1, 200, "between_tokens=0.01"),
    "single": Load(1, 5, 20_000, "coalesce=1"),
    "batched": Load(1, 15, 20_000, "coalesce=64"),
}


class Rates(NamedTuple):
    """Chunks a second of the process's CPU time, and of the clock's."""

    cpu: float
    wall: float


def streaming(targets: Sequence[Target]) -> Iterator[Measurement]:
    """`targets` are the direct call, the proxy if there is one, and the chat server last."""
    for mode, load in LOADS.items():
        rounds = [[rates(target, load) for target in targets] for _ in range(ROUNDS + 1)][1:]
        cpu = [median(found[index].cpu for found in rounds) for index in range(len(targets))]
        wall = [median(found[index].wall for found in rounds) for index in range(len(targets))]
        yield from _reached(mode, wall)
        yield from _used(mode, targets, cpu)


def _reached(mode: str, wall: list[float]) -> Iterator[Measurement]:
    """By the clock. The direct figure is what stub and client can do."""
    unit, name = "chunks per second", f"stream.chunks_per_second.{mode}"
    yield Measurement(name=f"stream.chunks_per_second.direct.{mode}", value=wall[0], unit=unit)
    yield Measurement(name=name, value=wall[-1], unit=unit, versus="direct call", reference=wall[0])


def _used(mode: str, targets: Sequence[Target], cpu: list[float]) -> Iterator[Measurement]:
    name = f"stream.chunks_per_cpu_second.{mode}"
    if len(targets) < 3:
        yield Measurement(name=name, value=cpu[-1], unit=UNIT, note="no Go: no proxy beside it")
        return
    yield Measurement(name=f"stream.chunks_per_cpu_second.proxy.{mode}", value=cpu[1], unit=UNIT)
    yield Measurement(name=name, value=cpu[-1], unit=UNIT, versus=targets[1].name, reference=cpu[1])


def rates(target: Target, load: Load) -> Rates:
    """What one target does with a load."""
    request = target.stream_request(load.text)
    connections = [Connection(target.process.port) for _ in range(load.concurrent)]
    cpu, clock = target.process.cpu_seconds(), time.perf_counter()
    for _ in range(load.turns):
        take_all(connections, request, target.last_event, load.chunks)
    used, taken = target.process.cpu_seconds() - cpu, time.perf_counter() - clock
    for connection in connections:
        connection.close()
    return Rates(cpu=load.total / max(used, 0.01), wall=load.total / taken)
