"""What a chat server takes by being there: time to start, memory when idle, memory for an open stream."""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median

from bench.interpreter import Interpreter
from bench.loadclient import Connection, get
from bench.processes import Memory
from bench.results import Measurement
from bench.rig import Rig, Target
from bench.streaming import UNIT, Load, rates

STARTS = 7
CHATS = 50
STREAMS = 500
SETTLE = 0.5
SMALL = Load(10, 1, 100, "between_tokens=0.02")
MB, KB = 1_000_000, 1_000


def exec_to_ready(rig: Rig, interpreter: Interpreter) -> Iterator[Measurement]:
    """Seconds from starting the process until /readyz says 200; beside it, Python doing nothing."""
    seconds, bare = [], []
    for _ in range(STARTS + 1):
        with rig.server() as server:
            _wait_until_ready(int(server.process.ready["ops_port"]))
            seconds.append(time.perf_counter() - server.process.started)
        begun = time.perf_counter()
        subprocess.run([interpreter.python, "-c", "pass"], check=True)
        bare.append(time.perf_counter() - begun)
    yield Measurement(
        name="process.exec_to_ready",
        value=median(seconds[1:]),
        unit="s",
        versus="python3 -c pass",
        reference=median(bare[1:]),
    )


def litellm(rig: Rig) -> Iterator[Measurement]:
    """What LiteLLM's proxy takes, and what it passes on of one stream: few chunks, for it needs long."""
    with rig.litellm() as proxy:
        seconds = time.perf_counter() - proxy.process.started
        yield Measurement(name="process.litellm_exec_to_ready", value=seconds, unit="s", note="once")
        with Connection(proxy.process.port) as connection:
            for _ in range(CHATS):
                connection.call(proxy.chat_request("Good morning."))
        time.sleep(SETTLE)
        idle = proxy.process.memory()
        yield Measurement(name="process.litellm_idle_rss", value=idle.rss / MB, unit="MB")
        name = "stream.chunks_per_cpu_second.litellm.paced"
        yield Measurement(name=name, value=rates(proxy, SMALL).cpu, unit=UNIT, note=f"{SMALL.total} chunks")


def _wait_until_ready(ops_port: int) -> None:
    with Connection(ops_port) as connection:
        while connection.status(get("/readyz")) != 200:
            time.sleep(0.001)


def memory(rig: Rig) -> Iterator[Measurement]:
    """Memory of a server that has answered some chats, and what each open stream adds, to a proxy made of
    aiohttp too."""
    with rig.aiohttp() as proxy:
        _, bare = _idle_and_per_stream(proxy)
    with rig.server() as server:
        idle, per_stream = _idle_and_per_stream(server)
    yield Measurement(name="process.idle_rss", value=idle.rss / MB, unit="MB")
    yield Measurement(name="process.idle_pss", value=idle.pss / MB, unit="MB")
    yield Measurement(
        name="process.memory_per_stream",
        value=per_stream / KB,
        unit="kB",
        versus="aiohttp proxy",
        reference=bare / KB,
        note=f"{affordable(STREAMS)} streams open at once",
    )


def _idle_and_per_stream(target: Target) -> tuple[Memory, float]:
    """What a process holds after some chats, and how many bytes more for each stream held open."""
    with Connection(target.process.port) as connection:
        for _ in range(CHATS):
            connection.call(target.chat_request("Good morning."))
    time.sleep(SETTLE)
    idle = target.process.memory()
    request = target.stream_request("[stub tokens=3 fault=hang after=2]")
    with ExitStack() as streams:
        for _ in range(affordable(STREAMS)):
            stream = streams.enter_context(Connection(target.process.port))
            stream.until(request, target.first_token)
        time.sleep(SETTLE)
        return idle, (target.process.memory().rss - idle.rss) / affordable(STREAMS)


def affordable(streams: int) -> int:
    """A stream takes two files in the chat server: its caller's socket and its model's."""
    return min(streams, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 100) // 2)
