"""What the operator tells a chat server: the one contract between the two programs.

The operator resolves an Instance and everything it refers to into a `Config` and writes it as JSON into
an immutable ConfigMap; the chat server reads it once at start. It holds no secret: where a value is
secret, it holds the name of a file below the secrets folder, which the server reads again whenever it
changes. Fields are only ever added, with a default, so that an operator and a chat server that are one
minor version apart understand each other.

Durations are seconds as floats, sizes are numbers of characters or bytes as named. File names are
relative to the secrets folder, `NAMESPACE/SECRET/KEY`, unless another folder is named.
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


class Cost(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a token costs, as decimals in the currency of the user's choice."""

    input_per_token: str = "0"  # noqa: S105 (a price)
    output_per_token: str = "0"  # noqa: S105 (a price)


class ModelTarget(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One model to ask: the provider, the vendor's id of the model, and the request's other fields.

    `params` are the fields of the OpenAI request body by their wire names (`max_tokens`, `temperature`).
    """

    provider: Provider
    model: str
    params: dict[str, Any] = {}
    context_window: int | None = None
    cost: Cost | None = None


class ToolAuth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The credential of calls to a tool's server. Bearer and Header read `value_file`, Basic the other
    two."""

    type: Literal["Bearer", "Basic", "Header"]
    header: str = "Authorization"
    value_file: str | None = None
    username_file: str | None = None
    password_file: str | None = None


class McpServer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A server of the Model Context Protocol, over HTTP."""

    url: str
    transport: Literal["StreamableHTTP", "SSE"] = "StreamableHTTP"


class StdioServer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A server of the Model Context Protocol in a sidecar, behind a Unix socket: the name of the socket's
    file in the sockets folder. Each connection is one process of the server, and carries its standard
    input and output as they are."""

    socket: str


class ToolFunction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A function of an HTTP tool; `parameters` is the JSON Schema of its arguments."""

    name: str
    description: str = ""
    parameters: dict[str, Any] | None = None


class HttpEndpoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An HTTP endpoint that gets the arguments of a call; `timeout` in seconds."""

    url: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    headers: tuple[Header, ...] = ()
    body_format: Literal["Arguments", "NameAndArguments", "Query"] = "Arguments"
    timeout: float = 30.0
    functions: tuple[ToolFunction, ...] = ()


class OpenApi(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An HTTP API by its OpenAPI document: fetched from `url`, or here as `document` (JSON or YAML)."""

    url: str | None = None
    document: str | None = None
    operations: tuple[str, ...] = ()


class AgentPeer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Another Instance. `token_file`, below the tokens folder, holds this pod's token for its audience."""

    name: str
    namespace: str
    url: str
    token_file: str
    description: str = ""


class Tool(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something the model may call: of the five members, exactly the one that `type` names is set.

    `allowed_functions` None: all functions that its server has.
    """

    name: str
    namespace: str
    type: Literal["MCP", "Stdio", "HTTP", "OpenAPI", "Agent"]
    description: str = ""
    allowed_functions: tuple[str, ...] | None = None
    auth: ToolAuth | None = None
    ca_bundle: str | None = None
    ca_bundle_file: str | None = None
    mcp: McpServer | None = None
    stdio: StdioServer | None = None
    http: HttpEndpoint | None = None
    open_api: OpenApi | None = None
    agent: AgentPeer | None = None


class Source(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Documents to find passages in: at `url`, fetched again after `refresh` seconds, or the files of
    `folder` below the knowledge folder, read again when they change."""

    name: str
    url: str | None = None
    folder: str | None = None
    refresh: float = 3600.0


class Knowledge(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What fitting passages are taken from for each question: `top_k` of them, found by their words, and by
    their meaning where there is a model for embeddings."""

    sources: tuple[Source, ...]
    top_k: int = 4
    embedding: ModelTarget | None = None


class Limits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Bounds of one chat; `request_timeout` in seconds covers the whole answer. The last three are for each
    caller; None: no bound."""

    max_tool_rounds: int = 8
    max_history_messages: int = 100
    max_input_chars: int = 32_768
    request_timeout: float = 300.0
    max_concurrent_chats: int = 100
    requests_per_minute: int | None = None
    tokens_per_day: int | None = None


class History(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where conversations are kept. Ephemeral and Persistent are SQLite in the data folder. `keep_for` is for
    how many seconds after its last message a conversation is kept; None: until it is deleted."""

    type: Literal["None", "Ephemeral", "Persistent", "Postgres"] = "Ephemeral"
    postgres_url_file: str | None = None
    keep_for: float | None = None


class ServerTls(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The certificate of the chat port, read again when it changes."""

    certificate_file: str
    key_file: str


class Auth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which tokens are taken. `stale_allow` is for how many seconds an expired allow still counts while
    the API server cannot be reached (0: not at all)."""

    audiences: tuple[str, ...]
    verification: Literal["JWKS", "TokenReview"] = "JWKS"
    stale_allow: float = 300.0


class Config(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything one chat server needs to know to be one Instance. `extra_ca`: PEM certificates of
    authorities to trust beside the system's, for every connection that has no bundle of its own.
    `time_zone`: the name (IANA) of the zone that the model is told the time in."""

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
    tools: tuple[Tool, ...] = ()
    knowledge: Knowledge | None = None
    limits: Limits = Limits()
    history: History = History()
    tls: ServerTls | None = None
    extra_ca: str | None = None
    time_zone: str = "UTC"


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
