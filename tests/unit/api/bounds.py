"""Resources that are as large as the CRDs let them be: lists full, names and texts as long as they may be.

The API server has a budget for the rules it runs on each write: what the schema takes must not be refused for
having been too much work.
"""

from __future__ import annotations

from typing import Any

from tests.unit.api.examples import Example, item

NAME = "n" * 52
LONG = ".".join(["a" * 61] * 4)
REF = {"name": NAME, "namespace": "n" * 63}
SECRET = {"secretKeyRef": {"name": LONG, "key": "k" * 253}}
URL = "https://" + "h" * 2040
SELECTOR = {
    "matchLabels": {f"example.com/{n:02}{'k' * 61}": "v" * 63 for n in range(32)},
    "matchExpressions": [
        {"key": f"{n:02}{'k' * 61}", "operator": "In", "values": [f"{v:02}{'v' * 61}" for v in range(64)]}
        for n in range(32)
    ],
}
OPEN = {"from": "Selector", "selector": SELECTOR, "credentials": "Copy"}


def _headers() -> list[dict[str, Any]]:
    return [{"name": f"X{n:02}" + "x" * 125, "value": "v" * 4096} for n in range(16)] + [
        {"name": f"Y{n:02}" + "x" * 125, "valueFrom": SECRET} for n in range(16)
    ]


def _variables() -> list[dict[str, Any]]:
    return [{"name": f"A{n:02}" + "X" * 125, "value": "v" * 2048} for n in range(64)]


def _functions() -> list[str]:
    return [f"{n:03}" + "f" * 61 for n in range(128)]


AT_THE_BOUNDS = [
    Example(
        "a provider as large as it may be",
        item(
            "Provider",
            {
                "type": "OpenAICompatible",
                "url": URL,
                "apiKey": SECRET,
                "headers": _headers(),
                "tls": {"caBundle": SECRET},
                "models": [f"{n:03}" + "m" * 253 for n in range(256)],
                "retries": 10,
                "allowedNamespaces": OPEN,
            },
            NAME,
        ),
    ),
    Example(
        "a model as large as it may be",
        item(
            "Model",
            {
                "providerRef": REF,
                "model": "m" * 256,
                "params": {
                    "temperature": 2,
                    "topP": 1,
                    "maxTokens": 10_000_000,
                    "seed": 2**53,
                    "stop": ["s" * 256] * 4,
                    "extraParams": {f"p{n}": "x" * 1000 for n in range(100)},
                },
                "contextWindow": 100_000_000,
                "cost": {"inputPerToken": "1" * 9 + "." + "1" * 18},
                "fallbackRefs": [REF] * 8,
                "allowedNamespaces": OPEN,
            },
            NAME,
        ),
    ),
    Example(
        "a tool with as many functions as it may have",
        item(
            "Tool",
            {
                "description": "d" * 1000,
                "type": "HTTP",
                "http": {"url": URL, "headers": _headers(), "timeout": "10m"},
                "functions": [
                    {"name": name, "description": "d" * 1024, "parameters": {"type": "object"}}
                    for name in _functions()[:64]
                ],
                "allowedFunctions": _functions(),
                "allowedNamespaces": OPEN,
            },
            NAME,
        ),
    ),
    Example(
        "a program with as many arguments as it may have",
        item(
            "Tool",
            {
                "type": "Stdio",
                "stdio": {
                    "image": "i" * 512,
                    "command": ["c" * 4096] * 64,
                    "args": ["a" * 4096] * 64,
                    "env": _variables(),
                },
            },
            NAME,
        ),
    ),
    Example(
        "an agent as large as it may be",
        item(
            "Agent",
            {
                "displayName": "ü" * 100,
                "description": "ü" * 1000,
                "prompt": "p" * 262_144,
                "modelRef": REF,
                "tools": [{"toolRef": REF, "allowedFunctions": _functions()}] * 64,
                "rag": [
                    {
                        "name": f"r{n:02}" + "r" * 49,
                        "type": "ConfigMap",
                        "configMap": {"name": LONG, "keys": [f"{k:02}" + "k" * 251 for k in range(64)]},
                    }
                    for n in range(32)
                ],
                "limits": {"maxToolRounds": 64, "maxHistoryMessages": 10_000, "maxInputChars": 1_048_576},
                "allowedNamespaces": OPEN,
            },
            NAME,
        ),
    ),
    Example(
        "an instance as large as it may be",
        item(
            "Instance",
            {
                "agentRef": REF,
                "title": "t" * 80,
                "replicas": 1000,
                "overrides": {"prompt": "p" * 262_144},
                "history": {"type": "None"},
                "limits": {"maxConcurrentChats": 10_000, "tokensPerDay": 2**53},
                "service": {"annotations": {f"a{n:02}" + "k" * 60: "v" * 100 for n in range(32)}},
                "networkPolicy": {
                    "from": [{"namespaceSelector": {}, "podSelector": {}}] * 32,
                    "egress": "Restricted",
                    "egressPeers": [{"ipBlock": {"cidr": "10.0.0.0/8"}, "ports": list(range(1, 33))}] * 32,
                },
                "pod": {
                    "env": _variables(),
                    "labels": {f"a{n:02}" + "k" * 60: "v" * 63 for n in range(32)},
                    "annotations": {f"a{n:02}" + "k" * 60: "v" * 1000 for n in range(32)},
                    "tolerations": [{"operator": "Exists"}] * 32,
                    "imagePullSecrets": [{"name": f"{n:02}." + LONG[3:]} for n in range(16)],
                },
            },
            NAME,
        ),
    ),
]
