"""Spans: one for each request, and one for each call that answering it takes, never one a token.

Without tracing, which is the default, a request's W3C trace context (https://www.w3.org/TR/trace-context/) is
passed on to whoever is called as it came. With it, each of them gets its own span's context instead. Names
and attributes are OpenTelemetry's; prompts, answers, arguments and results are never among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol

# Not `baggage`: it may hold anything, and providers are strangers.
CONTEXT_HEADERS = ("traceparent", "tracestate")
MOST_CHARS = 8192  # of one header; what is longer is not a trace context
_incoming: ContextVar[Mapping[str, str]] = ContextVar("incoming", default={})  # noqa: B039  # never changed


class Service(NamedTuple):
    """Who makes the spans: its name, what else OpenTelemetry calls its resource, and what is said of each of
    its requests."""

    name: str
    resource: Mapping[str, str] = {}
    attributes: Mapping[str, str] = {}


class Span(Protocol):
    """Something that takes time."""

    def set(self, **attributes: Any) -> None:
        """Say more about it. In names, `__` stands for a dot; None says nothing."""
        ...

    def fail(self, kind: str) -> None:
        """It failed; `kind` is one of few words."""
        ...

    def headers(self) -> Mapping[str, str]:
        """What tells another server that it works for this span."""
        ...

    def end(self) -> None:
        """It is over. Whoever gets a span ends it."""
        ...


class Tracing(Protocol):
    """Begins spans."""

    def request(self, method: str, headers: Mapping[str, str]) -> AbstractContextManager[Span]:
        """The span of a request, which the spans begun inside it belong to."""
        ...

    def call(self, name: str, **attributes: Any) -> Span:
        """A call of somebody else; attributes as those of `Span.set`."""
        ...

    def close(self) -> None:
        """Send what was not sent yet."""
        ...


class _Passing:
    """No span, only the context of the request."""

    def set(self, **attributes: Any) -> None:
        """Nobody wants to know."""

    def fail(self, kind: str) -> None:
        """Nobody wants to know."""

    def headers(self) -> Mapping[str, str]:
        """As they came."""
        return _incoming.get()

    def end(self) -> None:
        """Nothing began."""


_PASSING = _Passing()


class PassOn:
    """Tracing that is off: what comes in is passed on."""

    @contextmanager
    def request(self, method: str, headers: Mapping[str, str]) -> Iterator[Span]:  # the protocol's
        """Remember the context of the request while it is answered."""
        token = _incoming.set(context_of(headers))
        try:
            yield _PASSING
        finally:
            _incoming.reset(token)

    def call(self, name: str, **attributes: Any) -> Span:  # the protocol's
        """No span."""
        return _PASSING

    def close(self) -> None:
        """Nothing was kept."""


PASS_ON = PassOn()


def context_of(headers: Mapping[str, str]) -> dict[str, str]:
    """The trace context among the headers of a request."""
    found = {name: headers[name] for name in CONTEXT_HEADERS if name in headers}
    return {name: value for name, value in found.items() if len(value) <= MOST_CHARS}
