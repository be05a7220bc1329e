"""Tool: something a model may call, in one of five ways."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gagarin.api.fields import Duration, FunctionName, JsonObject, Url
from gagarin.api.pod import EnvVar, Resources
from gagarin.api.provider import Header
from gagarin.api.references import AllowedNamespaces, ConfigMapKeyRef, Ref, SecretKeyRef, SecretValue, Tls
from gagarin.api.schema import Rule, Schema, as_set, exactly_one, keyed_by, union

Argument = Annotated[str, Field(max_length=4096)]
OperationId = Annotated[str, Field(min_length=1, max_length=128)]


class McpTool(Schema):
    """A server of the Model Context Protocol, reached over HTTP."""

    url: Url
    """Address of the server."""
    transport: Literal["StreamableHTTP", "SSE"] = "StreamableHTTP"
    """How the server speaks. SSE is the older way."""


class StdioTool(Schema):
    """A server of the Model Context Protocol that speaks over its standard input and output. It runs as a
    sidecar of every chat pod that uses it."""

    image: Annotated[str, Field(min_length=1, max_length=512)]
    """Container image that has the server."""
    command: tuple[Argument, ...] = Field(min_length=1, max_length=64)
    """Program to start, not run in a shell."""
    args: tuple[Argument, ...] = Field(default=(), max_length=64)
    """Its arguments."""
    env: tuple[EnvVar, ...] = Field(default=(), max_length=64, json_schema_extra=keyed_by("name"))
    """Its environment. What is kept in a Secret or a ConfigMap is read when the program starts."""
    resources: Resources | None = None
    """Compute resources of the sidecar. A resource that is mentioned in requests or limits has no default any
    more; otherwise requests are 10m CPU and 64Mi memory, limits 500m CPU and 256Mi memory."""


class HttpTool(Schema):
    """An HTTP endpoint that gets the arguments of a call."""

    url: Url
    """Address of the endpoint."""
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    """Method of the request."""
    headers: tuple[Header, ...] = Field(default=(), max_length=32, json_schema_extra=keyed_by("name"))
    """Extra headers of every request."""
    body_format: Literal["Arguments", "NameAndArguments", "Query"] = "Arguments"
    """How the arguments are sent. Arguments: they are the JSON body. NameAndArguments: the JSON body is
    `{"name": ..., "arguments": ...}`. Query: they are query parameters and there is no body."""
    timeout: Annotated[str, Duration("100ms", "10m")] = "30s"
    """How long a call may take."""

    rules = (
        Rule(
            cel="self.method != 'GET' || self.bodyFormat == 'Query'",
            message="a GET request has no body: set bodyFormat to Query",
            holds=lambda part: part.method != "GET" or part.body_format == "Query",
        ),
    )


class OpenApiTool(Schema):
    """An HTTP API described by an OpenAPI document; each operation becomes a function."""

    url: Url | None = None
    """Where the document is fetched from."""
    config_map_key_ref: ConfigMapKeyRef | None = None
    """The ConfigMap and the key that hold the document."""
    operations: tuple[OperationId, ...] = Field(default=(), max_length=128, json_schema_extra=as_set())
    """The operationIds that become functions. Empty: all."""

    rules = (exactly_one("url", "configMapKeyRef"),)


class AgentTool(Schema):
    """Another agent, asked by way of its Instance with this pod's own identity."""

    instance_ref: Ref
    """The Instance to ask."""


class Function(Schema):
    """A function of an HTTP tool, as the model sees it."""

    name: FunctionName
    """Name of the function."""
    description: Annotated[str, Field(max_length=1024)] = ""
    """What it does and when to use it, for the model."""
    parameters: JsonObject | None = None
    """JSON Schema of the arguments. Without it the function takes none."""


class BearerAuth(Schema):
    """A bearer token."""

    secret_key_ref: SecretKeyRef
    """The Secret and the key that hold the token."""


class BasicAuth(Schema):
    """User name and password."""

    username: SecretValue
    """The user name."""
    password: SecretValue
    """The password."""


class HeaderAuth(Schema):
    """A credential in a header of its own."""

    name: Annotated[str, Field(max_length=128, pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
    """Name of the header."""
    secret_key_ref: SecretKeyRef
    """The Secret and the key that hold its value."""


class ToolAuth(Schema):
    """How calls are authenticated."""

    type: Literal["Bearer", "Basic", "Header"]
    """The kind of credential."""
    bearer: BearerAuth | None = None
    """A bearer token, when type is Bearer."""
    basic: BasicAuth | None = None
    """User name and password, when type is Basic."""
    header: HeaderAuth | None = None
    """A header, when type is Header."""

    rules = union("type", {"Bearer": "bearer", "Basic": "basic", "Header": "header"})


class ToolSpec(Schema):
    """Something a model may call. Whoever may create a Tool can send any Secret of the namespace to any
    address."""

    description: Annotated[str, Field(max_length=1000)] = ""
    """What the tool is for, for people."""
    type: Literal["MCP", "Stdio", "HTTP", "OpenAPI", "Agent"]
    """The way it is called."""
    mcp: McpTool | None = None
    """The server, when type is MCP."""
    stdio: StdioTool | None = None
    """The sidecar, when type is Stdio."""
    http: HttpTool | None = None
    """The endpoint, when type is HTTP."""
    functions: tuple[Function, ...] = Field(default=(), max_length=64, json_schema_extra=keyed_by("name"))
    """The functions of the endpoint, when type is HTTP; the other types know theirs."""
    open_api: OpenApiTool | None = Field(default=None, alias="openAPI")
    """The described API, when type is OpenAPI."""
    agent: AgentTool | None = None
    """The other agent, when type is Agent."""
    auth: ToolAuth | None = None
    """How calls are authenticated, when type is MCP, HTTP or OpenAPI."""
    tls: Tls | None = None
    """How the server is verified, when type is MCP, HTTP, OpenAPI or Agent."""
    allowed_functions: tuple[FunctionName, ...] = Field(
        default=(), max_length=128, json_schema_extra=as_set()
    )
    """The functions that may be called. Empty: all."""
    allowed_namespaces: AllowedNamespaces = AllowedNamespaces()
    """The namespaces whose Instances may use this Tool."""

    rules = (
        *union(
            "type", {"MCP": "mcp", "Stdio": "stdio", "HTTP": "http", "OpenAPI": "openAPI", "Agent": "agent"}
        ),
        Rule(
            cel="(has(self.functions) && size(self.functions) > 0) == (self.type == 'HTTP')",
            message="functions must be given when type is HTTP, and only then",
            holds=lambda part: bool(part.functions) == (part.type == "HTTP"),
        ),
        Rule(
            cel="!has(self.auth) || self.type in ['MCP', 'HTTP', 'OpenAPI']",
            message="auth may only be set when type is MCP, HTTP or OpenAPI",
            holds=lambda part: part.auth is None or part.type in ("MCP", "HTTP", "OpenAPI"),
        ),
        Rule(
            cel="!has(self.tls) || self.type != 'Stdio'",
            message="tls may not be set when type is Stdio: a sidecar is reached without a network",
            holds=lambda part: part.tls is None or part.type != "Stdio",
        ),
    )
