"""What each type of provider really does: the one table that resolve, the chat server and the docs go by.

Every vendor here speaks the OpenAI protocol, and none speaks all of it. Sources: the vendors' own pages about
their OpenAI compatibility. Imports nothing, because the chat server reads it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Vendor:
    """One type of provider.

    `url` is the default base; None: the user must give one. `key_header`: a bearer token in Authorization, or
    the bare key in `api-key`. `max_tokens` and `seed` are the names of those fields in a request.
    `usage_on_request`: a stream tells its token usage only when asked with `stream_options.include_usage`;
    otherwise it tells it unasked and refuses the question. `response_format`: a JSON Schema for the answer is
    obeyed. `tools_after_calls`: a request that holds tool calls is refused unless it names tools.
    """

    url: str | None
    key_header: Literal["Authorization", "api-key"] = "Authorization"
    max_tokens: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    seed: Literal["seed", "random_seed"] = "seed"
    usage_on_request: bool = True
    response_format: bool = True
    embeddings: bool = True
    tools: bool = True
    tools_after_calls: bool = False


VENDORS: dict[str, Vendor] = {
    "OpenAI": Vendor("https://api.openai.com/v1", max_tokens="max_completion_tokens"),
    "Azure": Vendor(None, key_header="api-key", max_tokens="max_completion_tokens"),
    "Anthropic": Vendor(
        "https://api.anthropic.com/v1", response_format=False, embeddings=False, tools_after_calls=True
    ),
    "Google": Vendor("https://generativelanguage.googleapis.com/v1beta/openai"),
    "Mistral": Vendor("https://api.mistral.ai/v1", seed="random_seed", usage_on_request=False),
    # A Service called ollama in the pods' own namespace: in a pod, localhost is never where Ollama runs.
    "Ollama": Vendor("http://ollama:11434/v1"),
    "OpenRouter": Vendor("https://openrouter.ai/api/v1"),
    "OpenAICompatible": Vendor(None),
}
