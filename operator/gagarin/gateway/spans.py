"""The gateway's spans: one around each call of a pod, whose trace context goes along."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from gagarin.gateway.destinations import Destination
from gagarin.serving.errors import Problem
from gagarin.serving.tracing import Service, Tracing

SERVICE = Service("gagarin-gateway")


@contextmanager
def pod_call(tracing: Tracing, method: str, destination: Destination) -> Iterator[None]:
    """A client span while the block runs. What is not a `Problem` ends it as left: the caller is gone."""
    span = tracing.call(
        method,
        http__request__method=method,
        server__address=urlsplit(destination.url).hostname,
        gen_ai__agent__name=destination.name,
    )
    destination.headers.update(span.headers())
    try:
        yield
    except BaseException as error:
        span.fail(error.slug if isinstance(error, Problem) else "left")
        raise
    finally:
        span.end()
