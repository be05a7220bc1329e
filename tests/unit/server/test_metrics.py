"""What is counted comes out under the names that dashboards use."""

from __future__ import annotations

from decimal import Decimal

from gagarin.server.accounts import Spent
from gagarin.server.metrics import Metrics
from gagarin.server.wire import Usage


def test_everything_is_counted() -> None:
    metrics = Metrics()
    for _ in range(2):
        metrics.answered("/chat", 200, 0.02)
    metrics.answered("/chat", 502, 0.02)
    metrics.first_token(0.1)
    metrics.model_called("team-a/openai", "ok", 0.3)
    metrics.used(Spent("gpt", Usage(7, 3, 10), Decimal("0.25")))
    metrics.used(Spent("gpt", Usage(-1, -1, -2), Decimal(-1)))
    metrics.used(Spent("llama", Usage(1, 1, 2), None))
    metrics.looked_up(0.003)
    metrics.failed("tokens-spent")
    metrics.failed(None)
    metrics.decided("forbidden")
    metrics.chats.inc()
    text = metrics.text().decode()
    for line in (
        'gagarin_chat_request_duration_seconds_count{route="/chat",status="200"} 2.0',
        'gagarin_chat_request_duration_seconds_count{route="/chat",status="502"} 1.0',
        "gagarin_chat_first_token_seconds_count 1.0",
        'gagarin_chat_model_call_seconds_count{outcome="ok",provider="team-a/openai"} 1.0',
        'gagarin_chat_tokens_total{kind="prompt",model="gpt"} 7.0',
        'gagarin_chat_tokens_total{kind="completion",model="gpt"} 3.0',
        'gagarin_chat_tokens_total{kind="prompt",model="llama"} 1.0',
        'gagarin_chat_cost_total{model="gpt"} 0.25',
        "gagarin_chat_retrieval_seconds_count 1.0",
        'gagarin_chat_problems_total{problem="tokens-spent"} 1.0',
        'gagarin_chat_auth_decisions_total{decision="forbidden"} 1.0',
        "gagarin_chat_chats 1.0",
        "process_resident_memory_bytes",
    ):
        assert line in text
    assert 'cost_total{model="llama"}' not in text
    assert text.count("gagarin_chat_problems_total{") == 1
