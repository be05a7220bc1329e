"""What Prometheus is told. Labels are bounded: names from our own tables and the configuration, never a
caller's.

Children are bound once, so that a chat costs a few float additions.
"""

from __future__ import annotations

from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from gagarin.server.accounts import Spent

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

M = TypeVar("M", Counter, Histogram)


class Metrics:
    """All metrics of one process."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Histogram(
            "gagarin_chat_request_duration_seconds",
            "Time to answer a request, by route and status",
            ("route", "status"),
            buckets=SECONDS,
            registry=registry,
        )
        self._first_token = Histogram(
            "gagarin_chat_first_token_seconds",
            "Time from a request to the first token of its streamed answer",
            buckets=SECONDS,
            registry=registry,
        )
        self._model = Histogram(
            "gagarin_chat_model_call_seconds",
            "Time of a call to a model, by provider and outcome",
            ("provider", "outcome"),
            buckets=SECONDS,
            registry=registry,
        )
        self._tool = Histogram(
            "gagarin_chat_tool_call_seconds",
            "Time of a call to a tool, by Tool (empty: of a function that does not exist) and outcome",
            ("tool", "outcome"),
            buckets=SECONDS,
            registry=registry,
        )
        self._tokens = Counter(
            "gagarin_chat_tokens",
            "Tokens as the provider counted them, by kind (prompt, completion) and model",
            ("kind", "model"),
            registry=registry,
        )
        self._cost = Counter(
            "gagarin_chat_cost",
            "What chats have cost, by model, in the currency of the Models' prices",
            ("model",),
            registry=registry,
        )
        self._retrieval = Histogram(
            "gagarin_chat_retrieval_seconds",
            "Time to find passages of knowledge for a question",
            buckets=SECONDS,
            registry=registry,
        )
        self._problems = Counter(
            "gagarin_chat_problems",
            "Requests and WebSocket messages that ended with a problem, by its type",
            ("problem",),
            registry=registry,
        )
        self._decisions = Counter(
            "gagarin_chat_auth_decisions",
            "Callers let in or not, by reason",
            ("decision",),
            registry=registry,
        )
        self.chats = Gauge("gagarin_chat_chats", "Chats under way", registry=registry)
        self.streams = Gauge(
            "gagarin_chat_streams",
            "Streamed answers under way",
            registry=registry,
        )
        self.sockets = Gauge("gagarin_chat_websockets", "Open WebSockets", registry=registry)
        self._bound: dict[tuple[str, ...], Any] = {}

    def answered(self, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._child(self._requests, route, str(status)).observe(seconds)

    def first_token(self, seconds: float) -> None:
        """A streamed answer began."""
        self._first_token.observe(seconds)

    def model_called(self, provider: str, outcome: str, seconds: float) -> None:
        """A model call ended; `outcome` is `ok` or a `ProviderFault`."""
        self._child(self._model, provider, outcome).observe(seconds)

    def tool_called(self, tool: str, outcome: str, seconds: float) -> None:
        """A tool call ended; `outcome` is ok, error, timeout, invalid (it was not made) or cancelled."""
        self._child(self._tool, tool, outcome).observe(seconds)

    def used(self, spent: Spent) -> None:
        """An answer was paid for. Nobody makes a counter go back: a provider may count what it likes."""
        usage = spent.usage
        self._child(self._tokens, "prompt", spent.model).inc(max(usage.prompt_tokens, 0))
        self._child(self._tokens, "completion", spent.model).inc(max(usage.completion_tokens, 0))
        if spent.cost is not None:
            self._child(self._cost, spent.model).inc(max(float(spent.cost), 0.0))

    def looked_up(self, seconds: float) -> None:
        """Passages for a question were found, or not."""
        self._retrieval.observe(seconds)

    def failed(self, problem: str | None) -> None:
        """A request ended; `problem` is the slug of what went wrong, if something did."""
        if problem is not None:
            self._child(self._problems, problem).inc()

    def decided(self, decision: str) -> None:
        """Somebody was let in (`allow`) or not (the slug of the problem)."""
        self._child(self._decisions, decision).inc()

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self._registry)

    def _child(self, metric: M, *labels: str) -> M:
        key = (metric._name, *labels)  # noqa: SLF001  # the only name a metric has
        if (child := self._bound.get(key)) is None:
            child = self._bound[key] = metric.labels(*labels)
        found: M = child
        return found
