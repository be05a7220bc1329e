"""`python -m bench [--only NAME ...]`, from the root of the repository."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import msgspec

from bench import (
    chat,
    cluster,
    dev,
    footprint,
    goproxy,
    interpreter,
    openstreams,
    rig,
    scale,
    streaming,
    ways,
)
from bench.interpreter import Interpreter
from bench.loadclient import BadAnswerError
from bench.processes import ProcessError
from bench.results import Measurement, judge, load_goals
from bench.rig import Rig, Target

Comparison = Callable[[Sequence[Target]], Iterator[Measurement]]
COMPARISONS: dict[str, Comparison] = {
    "chat": chat.chat,
    "first-token": chat.first_token,
    "streaming": streaming.streaming,
    "streams": openstreams.streams,
}
ON_RIG: dict[str, Callable[[Rig], Iterator[Measurement]]] = {
    "tools": ways.tools,
    "websocket": ways.websocket,
    "history": ways.history,
    "postgres": ways.postgres,
    "memory": footprint.memory,
    "slow-readers": openstreams.slow_readers,
    "litellm": footprint.litellm,
}
WITH_OTHERS = ("chat", "first-token")  # LiteLLM would need minutes for the streams of the rest
NAMES = (*COMPARISONS, *ON_RIG, "start", "dev", "cluster")
LARGE = "scale"  # takes so long that it has to be asked for


def main(arguments: Sequence[str]) -> int:
    """Print a line for each figure as soon as it is known. A goal that is missed is no error."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Benchmarks of the chat server.")
    parser.add_argument(
        "--only", action="append", choices=(*NAMES, LARGE), help="run this one; may be repeated"
    )
    parser.add_argument("--instances", type=int, default=1000, help="of scale: how many run")
    parser.add_argument("--objects", type=int, default=10_000, help="of scale: how many resources in all")
    options = parser.parse_args(arguments)
    wanted = options.only or NAMES
    goals = load_goals()
    try:
        for measured in measure(wanted, options.instances, options.objects):
            sys.stdout.write(msgspec.json.encode(judge(measured, goals)).decode() + "\n")
            sys.stdout.flush()
    except (BadAnswerError, ProcessError, scale.TooSlowError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    return 0


def measure(wanted: Sequence[str], instances: int, objects: int) -> Iterator[Measurement]:
    """The measurements of the benchmarks that are wanted; the numbers are the sizes of scale."""
    if set(wanted) - {"cluster", "dev", LARGE}:
        python = interpreter.find()
        yield environment(python)
        with rig.start(python) as running:
            yield from _on_rig(running, python, wanted)
    if "dev" in wanted:
        yield from dev.dev()
    if "cluster" in wanted:
        yield from cluster.apply_to_first_answer()
    if LARGE in wanted:
        python = interpreter.find()
        yield environment(python)
        yield from scale.scale(python, instances, objects)


def _on_rig(running: Rig, python: Interpreter, wanted: Sequence[str]) -> Iterator[Measurement]:
    for name in [name for name in COMPARISONS if name in wanted]:
        with ExitStack() as stack:
            proxy = goproxy.build()
            proxies = [stack.enter_context(running.proxy(proxy))] if proxy else []
            if name in WITH_OTHERS:
                proxies.append(stack.enter_context(running.aiohttp()))
                proxies.append(stack.enter_context(running.litellm()))
            server = stack.enter_context(running.server())
            yield from COMPARISONS[name]([running.direct, *proxies, server])
    for name in [name for name in ON_RIG if name in wanted]:
        yield from ON_RIG[name](running)
    if "start" in wanted:
        yield from footprint.exec_to_ready(running, python)


def environment(python: Interpreter) -> Measurement:
    """A line without a figure that says where the others were measured."""
    revision = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
        cwd=interpreter.ROOT,
    ).stdout.strip()
    note = (
        f"{python.description}; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start; "
        f"{platform.system()} {platform.release()} {platform.machine()}; revision {revision or 'unknown'}"
    )
    return Measurement(name="environment", value=None, unit="", note=note)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
