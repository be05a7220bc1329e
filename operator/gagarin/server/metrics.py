"""What Prometheus is told. Labels are bounded: names from our own tables and the configuration, never a
caller's.

Children are bound once, so that a chat costs a few float additions.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


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
        tokens = Counter(
            "gagarin_chat_tokens", "Tokens as the provider counted them", ("kind",), registry=registry
        )
        self._prompt_tokens, self._completion_tokens = tokens.labels("prompt"), tokens.labels("completion")
        self._decisions = Counter(
            "gagarin_chat_auth_decisions",
            "Callers let in or not, by reason",
            ("decision",),
            registry=registry,
        )
        self.chats = Gauge("gagarin_chat_chats", "Chats under way", registry=registry)
        self._bound: dict[tuple[str, ...], Histogram] = {}

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

    def used(self, prompt: int, completion: int) -> None:
        """An answer was paid for."""
        self._prompt_tokens.inc(max(prompt, 0))
        self._completion_tokens.inc(max(completion, 0))

    def decided(self, decision: str) -> None:
        """Somebody was let in (`allow`) or not (the slug of the problem)."""
        self._decisions.labels(decision).inc()

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self._registry)

    def _child(self, metric: Histogram, *labels: str) -> Histogram:
        key = (metric._name, *labels)  # noqa: SLF001  # the only name a metric has
        if (child := self._bound.get(key)) is None:
            child = self._bound[key] = metric.labels(*labels)
        return child
