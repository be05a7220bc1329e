"""What the operator tells a chat server: the one contract between the two programs.

The operator resolves an Instance and everything it refers to into a `Config` and writes it as JSON into
an immutable ConfigMap; the chat server reads it once at start. It holds no secret: where a value is
secret, it holds the name of a file below the secrets folder, which the server reads again whenever it
changes. Fields are only ever added, with a default, so that an operator and a chat server that are one
minor version apart understand each other.

Durations are seconds as floats, sizes are numbers of characters or bytes as named. File names are
relative to the secrets folder, `NAMESPACE/SECRET/KEY`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

FILE_NAME = "agent.json"
SCHEMA_VERSION = 1

ProviderType = Literal[
    "OpenAI", "Azure", "Anthropic", "Google", "Mistral", "Ollama", "OpenRouter", "OpenAICompatible"
]


class ConfigError(ValueError):
    """The text is not a configuration this version understands; the message names the field."""


class Header(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An extra request header: exactly one of `value` and `value_file` is set."""

    name: str
    value: str | None = None
    value_file: str | None = None


class Timeouts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How long the server waits for a provider, in seconds."""

    connect: float = 5.0
    first_token: float = 60.0
    between_tokens: float = 30.0
    total: float = 300.0


class Provider(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a model is served. `url` is the OpenAI-compatible base, without a trailing slash."""

    name: str
    namespace: str
    type: ProviderType
    url: str
    api_key_file: str | None = None
    headers: tuple[Header, ...] = ()
    ca_bundle: str | None = None
    ca_bundle_file: str | None = None
    timeouts: Timeouts = Timeouts()
    retries: int = 2


class ModelTarget(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One model to ask: the provider, the vendor's id of the model, and the request's other fields.

    `params` are the fields of the OpenAI request body by their wire names (`max_tokens`, `temperature`).
    """

    provider: Provider
    model: str
    params: dict[str, Any] = {}
    context_window: int | None = None


class Limits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Bounds of one chat; `request_timeout` in seconds covers the whole answer."""

    max_tool_rounds: int = 8
    max_history_messages: int = 100
    max_input_chars: int = 32_768
    request_timeout: float = 300.0
    max_concurrent_chats: int = 100


class History(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where conversations are kept. Ephemeral and Persistent are SQLite in the data folder."""

    type: Literal["None", "Ephemeral", "Persistent", "Postgres"] = "Ephemeral"
    postgres_url_file: str | None = None


class Auth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which tokens are taken. `stale_allow` is for how many seconds an expired allow still counts while
    the API server cannot be reached (0: not at all)."""

    audiences: tuple[str, ...]
    verification: Literal["JWKS", "TokenReview"] = "JWKS"
    stale_allow: float = 300.0


class Config(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything one chat server needs to know to be one Instance."""

    schema_version: int
    name: str
    namespace: str
    revision: str
    prompt: str
    model: ModelTarget
    auth: Auth
    agent: str = ""
    display_name: str = ""
    description: str = ""
    title: str = ""
    fallbacks: tuple[ModelTarget, ...] = ()
    response_schema: dict[str, Any] | None = None
    limits: Limits = Limits()
    history: History = History()


def encode(config: Config) -> str:
    """The JSON text of a configuration; the same configuration gives the same text."""
    return msgspec.json.encode(config, order="sorted").decode()


def decode(text: str | bytes) -> Config:
    """The configuration in `text`. Raises `ConfigError` with the path of the field that is wrong."""
    try:
        config = msgspec.json.decode(text, type=Config)
    except msgspec.MsgspecError as error:
        raise ConfigError(str(error)) from error
    if config.schema_version != SCHEMA_VERSION:
        raise ConfigError(
            f"schema_version is {config.schema_version}, this chat server reads {SCHEMA_VERSION}: "
            "operator and chat image differ by more than one minor version"
        )
    return config
