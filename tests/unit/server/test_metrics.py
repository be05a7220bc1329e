"""What is counted comes out under the names that dashboards use."""

from __future__ import annotations

from gagarin.server.metrics import Metrics


def test_everything_is_counted() -> None:
    metrics = Metrics()
    for _ in range(2):
        metrics.answered("/chat", 200, 0.02)
    metrics.answered("/chat", 502, 0.02)
    metrics.first_token(0.1)
    metrics.model_called("team-a/openai", "ok", 0.3)
    metrics.used(7, 3)
    metrics.used(-1, -1)
    metrics.decided("forbidden")
    metrics.chats.inc()
    text = metrics.text().decode()
    for line in (
        'gagarin_chat_request_duration_seconds_count{route="/chat",status="200"} 2.0',
        'gagarin_chat_request_duration_seconds_count{route="/chat",status="502"} 1.0',
        "gagarin_chat_first_token_seconds_count 1.0",
        'gagarin_chat_model_call_seconds_count{outcome="ok",provider="team-a/openai"} 1.0',
        'gagarin_chat_tokens_total{kind="prompt"} 7.0',
        'gagarin_chat_tokens_total{kind="completion"} 3.0',
        'gagarin_chat_auth_decisions_total{decision="forbidden"} 1.0',
        "gagarin_chat_chats 1.0",
        "process_resident_memory_bytes",
    ):
        assert line in text
