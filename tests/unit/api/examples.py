"""Resources that are taken and resources that are refused, with what the user is told.

The same examples are put to the Python classes (tests/unit/api) and to a real API server
(tests/integration/crds), which is what keeps the two sides of every rule in step. Each rule of the CRDs has
at least one example on either side.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gagarin.api.kinds import API_VERSION

Spec = dict[str, Any]

PROVIDER: Spec = {"type": "OpenAI"}
MODEL: Spec = {"providerRef": {"name": "openai"}, "model": "gpt-5"}
TOOL: Spec = {"type": "MCP", "mcp": {"url": "https://tools.example.com/mcp"}}
AGENT: Spec = {"prompt": "Be kind.", "modelRef": {"name": "fast"}}
INSTANCE: Spec = {"agentRef": {"name": "support"}}

SECRET = {"secretKeyRef": {"name": "keys", "key": "token"}}
CONFIG_MAP = {"configMapKeyRef": {"name": "texts", "key": "prompt"}}
HTTP: Spec = {"type": "HTTP", "http": {"url": "https://x.example.com"}, "functions": [{"name": "look_up"}]}
SELECTOR = {
    "matchLabels": {"team": "red"},
    "matchExpressions": [{"key": "env", "operator": "In", "values": ["p"]}],
}


class Example(NamedTuple):
    """One resource; `refusal` is part of what the user is told, "" when it is taken."""

    says: str
    item: dict[str, Any]
    refusal: str = ""

    def __str__(self) -> str:
        return self.says


def item(kind: str, spec: Spec, name: str = "example") -> dict[str, Any]:
    """A resource of one of the five kinds."""
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


def _selector(requirement: dict[str, Any]) -> Spec:
    return {"allowedNamespaces": {"from": "Selector", "selector": {"matchExpressions": [requirement]}}}


def _pod(**options: Any) -> Spec:
    return INSTANCE | {"pod": options}


ACCEPTED = [
    Example("a provider needs only its type", item("Provider", PROVIDER)),
    Example(
        "a provider with everything",
        item(
            "Provider",
            {
                "type": "OpenAICompatible",
                "url": "https://llm.example.com:8443/v1",
                "apiKey": SECRET,
                "headers": [{"name": "X-Team", "value": "red"}, {"name": "Api-Key", "valueFrom": SECRET}],
                "tls": {"caBundle": CONFIG_MAP},
                "models": ["a", "b"],
                "timeouts": {"connect": "500ms", "firstToken": "1m30s", "betweenTokens": "1s", "total": "1h"},
                "retries": 0,
                "allowedNamespaces": {"from": "Selector", "selector": SELECTOR, "credentials": "Copy"},
            },
        ),
    ),
    Example(
        "a URL with a query",
        item("Provider", {"type": "Azure", "url": "https://x.example.com/openai/v1?api-version=preview"}),
    ),
    Example("a CA bundle from a Secret", item("Provider", PROVIDER | {"tls": {"caBundle": SECRET}})),
    Example("a model needs a provider and an id", item("Model", MODEL)),
    Example(
        "a model with everything",
        item(
            "Model",
            {
                "providerRef": {"name": "openai", "namespace": "platform"},
                "model": "gpt-5",
                "params": {
                    "temperature": 0,
                    "topP": 0.5,
                    "maxTokens": 1000,
                    "seed": -7,
                    "stop": ["END"],
                    "reasoningEffort": "Low",
                    "extraParams": {"verbosity": "low", "logit_bias": {"50256": -100}},
                },
                "mode": "Chat",
                "contextWindow": 400000,
                "cost": {"inputPerToken": "0.00000125", "outputPerToken": "0.00001"},
                "fallbackRefs": [{"name": "slow"}],
                "allowedNamespaces": {"from": "Selector", "selector": SELECTOR},
            },
        ),
    ),
    Example(
        "a tool that is an MCP server",
        item(
            "Tool",
            TOOL | {"auth": {"type": "Bearer", "bearer": SECRET}, "tls": {"caBundle": SECRET}},
        ),
    ),
    Example(
        "a tool that is a program",
        item(
            "Tool",
            {
                "type": "Stdio",
                "stdio": {
                    "image": "ghcr.io/example/mcp:1",
                    "command": ["mcp"],
                    "env": [{"name": "LEVEL", "value": "info"}, {"name": "TOKEN", "valueFrom": SECRET}],
                    "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi"}},
                },
            },
        ),
    ),
    Example(
        "a tool that is an HTTP endpoint",
        item(
            "Tool",
            HTTP
            | {
                "http": {
                    "url": "https://x.example.com/find",
                    "method": "GET",
                    "bodyFormat": "Query",
                    "headers": [{"name": "X-Team", "value": "red"}],
                    "timeout": "2s",
                },
                "functions": [{"name": "find", "description": "Finds.", "parameters": {"type": "object"}}],
                "auth": {"type": "Basic", "basic": {"username": SECRET, "password": SECRET}},
                "allowedNamespaces": {"from": "Selector", "selector": SELECTOR},
            },
        ),
    ),
    Example(
        "a tool that is an OpenAPI document",
        item(
            "Tool",
            {
                "type": "OpenAPI",
                "openAPI": {"url": "https://x.example.com/openapi.json", "operations": ["getUser"]},
                "auth": {"type": "Header", "header": {"name": "X-Key"} | SECRET},
            },
        ),
    ),
    Example(
        "a tool that is another agent",
        item("Tool", {"type": "Agent", "agent": {"instanceRef": {"name": "other"}}}),
    ),
    Example("an agent with a prompt and a model resource", item("Agent", AGENT)),
    Example(
        "an agent with everything",
        item(
            "Agent",
            {
                "displayName": "Support – Ünïcode",
                "description": "Answers questions.",
                "promptFrom": CONFIG_MAP,
                "model": {"providerRef": {"name": "openai"}, "name": "gpt-5", "params": {"temperature": 1}},
                "tools": [{"toolRef": {"name": "search"}, "allowedFunctions": ["look_up"]}],
                "rag": [
                    {
                        "name": "handbook",
                        "type": "URL",
                        "url": "https://docs.example.com/handbook.md",
                        "refreshInterval": "168h",
                    },
                    {"name": "faq", "type": "ConfigMap", "configMap": {"name": "faq", "keys": ["faq.md"]}},
                ],
                "retrieval": {"embeddingModelRef": {"name": "embedder"}, "topK": 8},
                "responseSchema": {"type": "object", "properties": {"mood": {"type": "string"}}},
                "timeZone": "America/Argentina/Buenos_Aires",
                "limits": {"maxToolRounds": 0, "requestTimeout": "10m"},
                "allowedNamespaces": {"from": "Selector", "selector": SELECTOR},
            },
        ),
    ),
    Example("a prompt of exactly 262,144 bytes", item("Agent", AGENT | {"prompt": "ä" * 131_072})),
    Example("an instance needs only its agent", item("Instance", INSTANCE)),
    Example(
        "an instance with everything that goes together",
        item(
            "Instance",
            {
                "agentRef": {"name": "support"},
                "title": "Support for team red",
                "replicas": 3,
                "suspend": True,
                "overrides": {
                    "model": {"providerRef": {"name": "openai"}, "name": "gpt-5-mini"},
                    "prompt": "Be brief.",
                    "params": {"temperature": None, "reasoningEffort": None, "extraParams": {"top_k": None}},
                },
                "history": {
                    "type": "Postgres",
                    "postgres": {"secretKeyRef": {"name": "db", "key": "url"}},
                    "keepFor": "87600h",
                },
                "limits": {"maxConcurrentChats": 5, "requestsPerMinute": 10, "tokensPerDay": 100000},
                "service": {"type": "LoadBalancer", "annotations": {"example.com/lb": "internal"}},
                "tls": {"secretName": "support-tls"},
                "autoscaling": {"min": 2, "max": 5, "metric": {"averageUtilization": 60}},
                "networkPolicy": {
                    "from": [{"namespaceSelector": SELECTOR, "podSelector": {}}],
                    "egress": "Restricted",
                    "egressPeers": [
                        {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}, "ports": [443]}
                    ],
                },
                "auth": {"verification": "TokenReview", "audienceScope": "Namespace", "staleAllow": "0s"},
            },
        ),
    ),
    Example(
        "an instance with every pod option",
        item(
            "Instance",
            _pod(
                resources={"requests": {"cpu": 1, "memory": "1.5Gi"}, "limits": {"nvidia.com/gpu": 1}},
                env=[
                    {"name": "LOG", "value": ""},
                    {"name": "A", "valueFrom": SECRET},
                    {"name": "B", "valueFrom": CONFIG_MAP},
                    {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                ],
                nodeSelector={"kubernetes.io/arch": "arm64"},
                tolerations=[
                    {"operator": "Exists"},
                    {"key": "gpu", "effect": "NoSchedule", "tolerationSeconds": 0},
                ],
                affinity={
                    "nodeAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": {
                            "nodeSelectorTerms": [
                                {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}
                            ]
                        },
                        "preferredDuringSchedulingIgnoredDuringExecution": [
                            {"weight": 1, "preference": {"matchFields": [{"key": "a", "operator": "Exists"}]}}
                        ],
                    },
                    "podAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": [
                            {"labelSelector": SELECTOR, "topologyKey": "zone", "namespaceSelector": SELECTOR}
                        ]
                    },
                    "podAntiAffinity": {
                        "preferredDuringSchedulingIgnoredDuringExecution": [
                            {
                                "weight": 100,
                                "podAffinityTerm": {
                                    "labelSelector": SELECTOR,
                                    "topologyKey": "kubernetes.io/hostname",
                                },
                            }
                        ]
                    },
                },
                topologySpreadConstraints=[
                    {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
                ],
                labels={"team": "red"},
                annotations={"example.com/inject": "false"},
                imagePullSecrets=[{"name": "registry"}],
                priorityClassName="high",
                runtimeClassName="gvisor",
                serviceAccountName="support",
            ),
        ),
    ),
    Example(
        "an identity that a cloud gives",
        item("Instance", _pod(serviceAccountAnnotations={"example.com/role": "chat"})),
    ),
    Example("a name of 52 characters", item("Instance", INSTANCE, name="a" * 52)),
    Example(
        "a persistent history",
        item("Instance", INSTANCE | {"history": {"type": "Persistent", "persistent": {}}}),
    ),
    Example(
        "several replicas without history",
        item("Instance", INSTANCE | {"history": {"type": "None"}, "replicas": 2}),
    ),
]

REFUSED = [
    # Names
    *(
        Example(
            f"a name of 53 characters is too long for a {kind}",
            item(kind, spec, name="a" * 53),
            "at most 52 characters",
        )
        for kind, spec in (
            ("Provider", PROVIDER),
            ("Model", MODEL),
            ("Tool", TOOL),
            ("Agent", AGENT),
            ("Instance", INSTANCE),
        )
    ),
    Example(
        "a name begins with a letter", item("Instance", INSTANCE, name="1st"), "must begin with a letter"
    ),
    # Provider
    Example("an unknown vendor", item("Provider", {"type": "Skynet"}), "spec.type"),
    Example("Azure needs a URL", item("Provider", {"type": "Azure"}), "url is required when type is Azure"),
    Example(
        "so does anything else that is compatible",
        item("Provider", {"type": "OpenAICompatible"}),
        "url is required when type is Azure or OpenAICompatible",
    ),
    Example(
        "a URL with a fragment",
        item("Provider", PROVIDER | {"url": "https://x.example.com/v1#here"}),
        "spec.url",
    ),
    Example(
        "a URL of another scheme", item("Provider", PROVIDER | {"url": "ftp://x.example.com"}), "spec.url"
    ),
    Example(
        "a key in a URL", item("Provider", PROVIDER | {"url": "https://me:key@x.example.com"}), "spec.url"
    ),
    Example(
        "a header without a value",
        item("Provider", PROVIDER | {"headers": [{"name": "X"}]}),
        "exactly one of value and valueFrom",
    ),
    Example(
        "a header with two values",
        item("Provider", PROVIDER | {"headers": [{"name": "X", "value": "1", "valueFrom": SECRET}]}),
        "exactly one of value and valueFrom",
    ),
    *(
        Example(
            f"the credential {name} in clear text",
            item("Provider", PROVIDER | {"headers": [{"name": name, "value": "secret"}]}),
            "a header that carries a credential takes its value from a Secret",
        )
        for name in ("Authorization", "cookie", "X-API-Key", "api-key")
    ),
    Example(
        "a header that frames the request",
        item("Provider", PROVIDER | {"headers": [{"name": "Content-Length", "value": "1"}]}),
        "this header is set by the HTTP client itself",
    ),
    Example(
        "two places for a CA",
        item("Provider", PROVIDER | {"tls": {"caBundle": SECRET | CONFIG_MAP}}),
        "exactly one of configMapKeyRef and secretKeyRef",
    ),
    Example(
        "a connection awaited for too long",
        item("Provider", PROVIDER | {"timeouts": {"connect": "2m"}}),
        "must be between 100ms and 1m",
    ),
    Example(
        "an answer awaited for too long",
        item("Provider", PROVIDER | {"timeouts": {"total": "61m"}}),
        "must be between 1s and 1h",
    ),
    Example(
        "a time without a unit",
        item("Provider", PROVIDER | {"timeouts": {"total": "60"}}),
        "spec.timeouts.total",
    ),
    Example("too many retries", item("Provider", PROVIDER | {"retries": 11}), "less than or equal to 10"),
    Example("retries that are no number", item("Provider", PROVIDER | {"retries": "2"}), "spec.retries"),
    *(
        Example(
            f"a {kind} open to a selector that is not there",
            item(kind, spec | {"allowedNamespaces": {"from": "Selector"}}),
            "selector must be set when from is Selector, and only then",
        )
        for kind, spec in (("Provider", PROVIDER), ("Model", MODEL), ("Tool", TOOL), ("Agent", AGENT))
    ),
    Example(
        "a selector that is not used",
        item("Provider", PROVIDER | {"allowedNamespaces": {"from": "All", "selector": SELECTOR}}),
        "selector must be set when from is Selector, and only then",
    ),
    *(
        Example(
            f"a {kind} open to a label without values",
            item(kind, spec | _selector({"key": "env", "operator": "In"})),
            "values are needed for In and NotIn, and only for them",
        )
        for kind, spec in (("Provider", PROVIDER), ("Model", MODEL), ("Tool", TOOL), ("Agent", AGENT))
    ),
    Example(
        "values for a label that need only exist",
        item("Provider", PROVIDER | _selector({"key": "env", "operator": "Exists", "values": ["x"]})),
        "values are needed for In and NotIn, and only for them",
    ),
    # Model
    Example("a model without a provider", item("Model", {"model": "gpt-5"}), "providerRef"),
    Example("a model without an id", item("Model", MODEL | {"model": ""}), "spec.model"),
    Example(
        "a reference to a name that cannot be",
        item("Model", MODEL | {"providerRef": {"name": "Open_AI"}}),
        "spec.providerRef.name",
    ),
    Example(
        "a temperature out of bounds",
        item("Model", MODEL | {"params": {"temperature": 2.1}}),
        "less than or equal to 2",
    ),
    Example(
        "a price as a number",
        item("Model", MODEL | {"cost": {"inputPerToken": 0.1}}),
        "spec.cost.inputPerToken",
    ),
    Example(
        "a price that is not a decimal",
        item("Model", MODEL | {"cost": {"inputPerToken": "1e-6"}}),
        "spec.cost.inputPerToken",
    ),
    # Tool
    *(
        Example(
            f"a tool of type {type_} without its member",
            item("Tool", {"type": type_} | ({"functions": HTTP["functions"]} if type_ == "HTTP" else {})),
            f"{member} must be set when type is {type_}, and only then",
        )
        for type_, member in (
            ("MCP", "mcp"),
            ("Stdio", "stdio"),
            ("HTTP", "http"),
            ("OpenAPI", "openAPI"),
            ("Agent", "agent"),
        )
    ),
    Example(
        "a tool with another type's member",
        item("Tool", TOOL | {"agent": {"instanceRef": {"name": "other"}}}),
        "agent must be set when type is Agent, and only then",
    ),
    Example(
        "an HTTP tool without functions",
        item("Tool", HTTP | {"functions": []}),
        "functions must be given when type is HTTP",
    ),
    Example(
        "functions of an MCP server",
        item("Tool", TOOL | {"functions": [{"name": "f"}]}),
        "functions must be given when type is HTTP, and only then",
    ),
    Example(
        "a GET with a body",
        item("Tool", HTTP | {"http": {"url": "https://x.example.com", "method": "GET"}}),
        "set bodyFormat to Query",
    ),
    Example(
        "a call that takes too long",
        item("Tool", HTTP | {"http": {"url": "https://x.example.com", "timeout": "1h"}}),
        "must be between 100ms and 10m",
    ),
    Example(
        "a tool's header in clear text",
        item(
            "Tool",
            HTTP | {"http": {"url": "https://x.example.com", "headers": [{"name": "Cookie", "value": "x"}]}},
        ),
        "takes its value from a Secret",
    ),
    Example(
        "a tool's header without a value",
        item("Tool", HTTP | {"http": {"url": "https://x.example.com", "headers": [{"name": "X"}]}}),
        "exactly one of value and valueFrom",
    ),
    Example(
        "a tool's header that frames the request",
        item(
            "Tool",
            HTTP | {"http": {"url": "https://x.example.com", "headers": [{"name": "Host", "value": "x"}]}},
        ),
        "this header is set by the HTTP client itself",
    ),
    Example(
        "an OpenAPI tool without a document",
        item("Tool", {"type": "OpenAPI", "openAPI": {}}),
        "exactly one of url and configMapKeyRef",
    ),
    Example(
        "credentials for another agent",
        item(
            "Tool",
            {
                "type": "Agent",
                "agent": {"instanceRef": {"name": "o"}},
                "auth": {"type": "Bearer", "bearer": SECRET},
            },
        ),
        "auth may only be set when type is MCP, HTTP or OpenAPI",
    ),
    *(
        Example(
            f"{type_} credentials without their member",
            item("Tool", TOOL | {"auth": {"type": type_}}),
            f"{type_.lower()} must be set when type is {type_}, and only then",
        )
        for type_ in ("Bearer", "Basic", "Header")
    ),
    *(
        Example(
            f"a program's environment with {name}",
            item(
                "Tool",
                {
                    "type": "Stdio",
                    "stdio": {"image": "i", "command": ["c"], "env": [{"name": name, "value": "x"}]},
                },
            ),
            "are reserved",
        )
        for name in ("LD_PRELOAD", "PYTHONPATH", "https_proxy")
    ),
    Example(
        "a program's variable with two values",
        item(
            "Tool",
            {
                "type": "Stdio",
                "stdio": {
                    "image": "i",
                    "command": ["c"],
                    "env": [{"name": "A", "value": "x", "valueFrom": SECRET}],
                },
            },
        ),
        "at most one of value and valueFrom may be set",
    ),
    Example(
        "a program's variable from two sources",
        item(
            "Tool",
            {
                "type": "Stdio",
                "stdio": {
                    "image": "i",
                    "command": ["c"],
                    "env": [{"name": "A", "valueFrom": SECRET | CONFIG_MAP}],
                },
            },
        ),
        "exactly one of secretKeyRef, configMapKeyRef and fieldRef",
    ),
    Example(
        "a certificate for a program",
        item(
            "Tool",
            {"type": "Stdio", "stdio": {"image": "i", "command": ["c"]}, "tls": {"caBundle": SECRET}},
        ),
        "tls may not be set when type is Stdio",
    ),
    Example(
        "two places for a tool's CA",
        item("Tool", TOOL | {"tls": {"caBundle": SECRET | CONFIG_MAP}}),
        "exactly one of configMapKeyRef and secretKeyRef",
    ),
    # Agent
    Example(
        "a time zone that cannot be one",
        item("Agent", AGENT | {"timeZone": "../etc/passwd"}),
        "spec.timeZone",
    ),
    Example(
        "more tools than an agent can have",
        item("Agent", AGENT | {"tools": [{"toolRef": {"name": f"t{n}"}} for n in range(200)]}),
        "spec.tools",
    ),
    Example(
        "knowledge that is fetched all the time",
        item(
            "Agent",
            AGENT
            | {
                "rag": [{"name": "a", "type": "URL", "url": "https://x.example.com", "refreshInterval": "1s"}]
            },
        ),
        "must be between 1m and 168h",
    ),
    Example(
        "a ConfigMap that is fetched again",
        item(
            "Agent",
            AGENT
            | {
                "rag": [
                    {
                        "name": "a",
                        "type": "ConfigMap",
                        "configMap": {"name": "faq"},
                        "refreshInterval": "1h",
                    }
                ]
            },
        ),
        "refreshInterval may only be set when type is URL",
    ),
    Example(
        "an agent without a prompt",
        item("Agent", {"modelRef": {"name": "fast"}}),
        "exactly one of prompt and promptFrom",
    ),
    Example(
        "an agent with two prompts",
        item("Agent", AGENT | {"promptFrom": CONFIG_MAP}),
        "exactly one of prompt and promptFrom",
    ),
    Example("an agent without a model", item("Agent", {"prompt": "x"}), "exactly one of modelRef and model"),
    Example(
        "an agent with two models",
        item("Agent", AGENT | {"model": {"providerRef": {"name": "openai"}, "name": "x"}}),
        "exactly one of modelRef and model",
    ),
    Example(
        "a prompt with too many bytes",
        item("Agent", AGENT | {"prompt": "ä" * 131_073}),
        "prompt must have at most 262144 bytes",
    ),
    Example(
        "a display name over two lines", item("Agent", AGENT | {"displayName": "a\nb"}), "spec.displayName"
    ),
    Example(
        "a description that is too long",
        item("Agent", AGENT | {"description": "x" * 1001}),
        "spec.description",
    ),
    Example(
        "an answer awaited for too long by an agent",
        item("Agent", AGENT | {"limits": {"requestTimeout": "0s"}}),
        "must be between 1s and 1h",
    ),
    Example(
        "knowledge without an address",
        item("Agent", AGENT | {"rag": [{"name": "a", "type": "URL"}]}),
        "url must be set when type is URL",
    ),
    Example(
        "knowledge without a ConfigMap",
        item("Agent", AGENT | {"rag": [{"name": "a", "type": "ConfigMap"}]}),
        "configMap must be set when type is ConfigMap",
    ),
    # Instance
    Example("an instance without an agent", item("Instance", {"title": "x"}), "agentRef"),
    Example(
        "a negative number of replicas",
        item("Instance", INSTANCE | {"replicas": -1}),
        "greater than or equal to 0",
    ),
    Example(
        "two replicas of an ephemeral history",
        item("Instance", INSTANCE | {"replicas": 2}),
        "allows one replica",
    ),
    Example(
        "two replicas of a persistent history",
        item("Instance", INSTANCE | {"replicas": 2, "history": {"type": "Persistent"}}),
        "allows one replica: use None or Postgres",
    ),
    Example(
        "an ephemeral history that scales",
        item("Instance", INSTANCE | {"autoscaling": {"max": 3}}),
        "allows no autoscaling: use None or Postgres",
    ),
    Example(
        "a volume for an ephemeral history",
        item("Instance", INSTANCE | {"history": {"persistent": {}}}),
        "persistent may only be set when type is Persistent",
    ),
    Example(
        "a history of nothing that is kept for a day",
        item("Instance", INSTANCE | {"history": {"type": "None", "keepFor": "24h"}}),
        "keepFor may not be set when type is None",
    ),
    Example(
        "a history that is kept for longer than ten years",
        item("Instance", INSTANCE | {"history": {"keepFor": "87601h"}}),
        "must be between 1m and 87600h",
    ),
    Example(
        "a database that is not named",
        item("Instance", INSTANCE | {"history": {"type": "Postgres"}}),
        "postgres must be set when type is Postgres",
    ),
    Example(
        "two models in overrides",
        item(
            "Instance",
            INSTANCE
            | {
                "overrides": {"modelRef": {"name": "a"}, "model": {"providerRef": {"name": "p"}, "name": "x"}}
            },
        ),
        "at most one of modelRef and model may be set",
    ),
    Example(
        "another prompt with too many bytes",
        item("Instance", INSTANCE | {"overrides": {"prompt": "ä" * 131_073}}),
        "prompt must have at most 262144 bytes",
    ),
    Example(
        "more at least than at most",
        item("Instance", INSTANCE | {"history": {"type": "None"}, "autoscaling": {"min": 3, "max": 2}}),
        "min must not be greater than max",
    ),
    Example(
        "a peer that is nothing",
        item("Instance", INSTANCE | {"networkPolicy": {"from": [{}]}}),
        "either ipBlock, or namespaceSelector and podSelector",
    ),
    Example(
        "a peer that is pods and addresses",
        item(
            "Instance",
            INSTANCE | {"networkPolicy": {"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}]}},
        ),
        "either ipBlock, or namespaceSelector and podSelector",
    ),
    Example(
        "peers for an open egress",
        item("Instance", INSTANCE | {"networkPolicy": {"egressPeers": [{"podSelector": {}}]}}),
        "egressPeers may only be set when egress is Restricted",
    ),
    Example(
        "a peer by a label without values",
        item(
            "Instance",
            INSTANCE
            | {
                "networkPolicy": {
                    "from": [{"podSelector": {"matchExpressions": [{"key": "a", "operator": "NotIn"}]}}]
                }
            },
        ),
        "values are needed for In and NotIn, and only for them",
    ),
    Example(
        "a permission that outlives its source",
        item("Instance", INSTANCE | {"auth": {"staleAllow": "6m"}}),
        "must be between 0s and 5m",
    ),
    Example(
        "a Service of type ExternalName",
        item("Instance", INSTANCE | {"service": {"type": "ExternalName"}}),
        "spec.service.type",
    ),
    Example(
        "a reserved label",
        item("Instance", _pod(labels={"gagarin.fyodorov.ai/instance": "x"})),
        "labels must not begin with",
    ),
    Example(
        "a reserved annotation",
        item("Instance", _pod(annotations={"app.kubernetes.io/name": "x"})),
        "annotations must not begin with",
    ),
    Example(
        "a reserved annotation of the Service",
        item("Instance", INSTANCE | {"service": {"annotations": {"gagarin.fyodorov.ai/x": "x"}}}),
        "annotations must not begin with",
    ),
    Example(
        "a reserved annotation of the ServiceAccount",
        item("Instance", _pod(serviceAccountAnnotations={"app.kubernetes.io/name": "x"})),
        "serviceAccountAnnotations must not begin with",
    ),
    Example(
        "annotations for a ServiceAccount of somebody else",
        item("Instance", _pod(serviceAccountName="mine", serviceAccountAnnotations={"a": "b"})),
        "at most one of serviceAccountName and serviceAccountAnnotations may be set",
    ),
    *(
        Example(
            f"a reserved variable {name}",
            item("Instance", _pod(env=[{"name": name, "value": "x"}])),
            "are reserved",
        )
        for name in (
            "LD_PRELOAD",
            "PYTHONPATH",
            "GAGARIN_PORT",
            "KUBERNETES_SERVICE_HOST",
            "http_proxy",
            "NO_PROXY",
        )
    ),
    Example(
        "a variable with two values",
        item("Instance", _pod(env=[{"name": "A", "value": "x", "valueFrom": SECRET}])),
        "at most one of value and valueFrom may be set",
    ),
    Example(
        "a variable from nowhere",
        item("Instance", _pod(env=[{"name": "A", "valueFrom": {}}])),
        "exactly one of secretKeyRef, configMapKeyRef and fieldRef",
    ),
    Example(
        "a resource that is not a quantity",
        item("Instance", _pod(resources={"limits": {"memory": "much"}})),
        "spec.pod.resources.limits",
    ),
]

# What a file may say and the API server drops or refuses before it looks at the values.
UNKNOWN_FIELD = Example("a field that does not exist", item("Agent", AGENT | {"promt": "x"}), "spec.promt")
