"""What the chat server adds to a chat: latency over a direct call, and until the first token of a stream.

The three ways are asked in turns, round after round, by one caller over a connection that stays open, so that
whatever else the machine does hits all of them. A figure is the median of the rounds' figures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from statistics import median
from typing import NamedTuple

from bench.loadclient import Connection
from bench.results import Measurement
from bench.rig import Target

CHAT_ROUNDS, CHATS = 15, 200
STREAM_ROUNDS, STREAMS = 15, 100
TEXT = "Good morning. Which way to the launch pad?"
STREAM_TEXT = f"{TEXT} [stub tokens=8]"

Sample = Callable[[Target, Connection], float]


class Figures(NamedTuple):
    """Seconds, for one target in one round."""

    p50: float
    p99: float


def chat(targets: Sequence[Target]) -> Iterator[Measurement]:
    """`targets` are the direct call, the proxies that could be had, and the chat server last."""
    rounds = measure(targets, chat_sample, CHAT_ROUNDS, CHATS)
    direct = [figures[0] for figures in rounds]
    yield Measurement(name="chat.direct.p50", value=_ms(figures.p50 for figures in direct), unit="ms")
    overhead_p50 = [
        _ms(figures[index].p50 - figures[0].p50 for figures in rounds) for index in range(len(targets))
    ]
    overhead_p99 = [
        _ms(figures[index].p99 - figures[0].p50 for figures in rounds) for index in range(len(targets))
    ]
    yield from _beside_the_others(targets, "chat.{}overhead.p50", overhead_p50)
    yield from _beside_the_others(targets, "chat.{}overhead.p99", overhead_p99)


def first_token(targets: Sequence[Target]) -> Iterator[Measurement]:
    """`targets` as in `chat`."""
    rounds = measure(targets, _stream, STREAM_ROUNDS, STREAMS)
    direct = _ms(figures[0].p50 for figures in rounds)
    yield Measurement(name="stream.first_token.direct", value=direct, unit="ms")
    added = [_ms(figures[index].p50 - figures[0].p50 for figures in rounds) for index in range(len(targets))]
    yield from _beside_the_others(targets, "stream.first_token.{}overhead", added)


def measure(targets: Sequence[Target], sample: Sample, rounds: int, samples: int) -> list[list[Figures]]:
    """The figures of each round, in the order of the targets; one round before them warms everything up."""
    with ExitStack() as stack:
        ways = [
            partial(sample, target, stack.enter_context(Connection(target.process.port)))
            for target in targets
        ]
        return alternate(ways, rounds, samples)


def alternate(ways: Sequence[Callable[[], float]], rounds: int, samples: int) -> list[list[Figures]]:
    """The figures of each round, in the order of the ways to take one sample; one more round before them."""
    measured = [[_figures([sample() for _ in range(samples)]) for sample in ways] for _ in range(rounds + 1)]
    return measured[1:]


def chat_sample(target: Target, connection: Connection) -> float:
    """Seconds of one plain chat."""
    return connection.call(target.chat_request(TEXT))


def _stream(target: Target, connection: Connection) -> float:
    request = target.stream_request(STREAM_TEXT)
    return connection.first_token(request, target.first_token, target.last_event)


def _figures(seconds: list[float]) -> Figures:
    ordered = sorted(seconds)
    return Figures(median(ordered), ordered[int(len(ordered) * 0.99)])


def _ms(seconds: Iterator[float]) -> float:
    return median(seconds) * 1000


def _beside_the_others(
    targets: Sequence[Target], name: str, figures: Sequence[float]
) -> Iterator[Measurement]:
    """The chat server's figure with its ratio to the Go proxy's, after those of the proxies."""
    measured = dict(zip((target.part for target in targets), figures, strict=True))
    for target in targets[1:-1]:
        yield Measurement(name=name.format(f"{target.part}_"), value=measured[target.part], unit="ms")
    if "proxy" in measured:
        versus, reference, note = "Go reverse proxy", measured["proxy"], None
    else:
        versus, reference, note = None, None, "no Go: no proxy beside it"
    yield Measurement(
        name=name.format(""), value=figures[-1], unit="ms", versus=versus, reference=reference, note=note
    )
