"""The OpenAPI documents of the chat server and of the gateway, as they answer them themselves.

Nothing is started: the applications are put together from parts that are never used, because only their
routes are looked at.
"""

from __future__ import annotations

from typing import Any

from gagarin.core.config import SCHEMA_VERSION, Auth, Config
from gagarin.gateway.app import Gateway
from gagarin.gateway.metrics import Metrics as GatewayMetrics
from gagarin.gateway.settings import parse
from gagarin.server.app import ChatApi
from gagarin.server.metrics import Metrics as ChatMetrics

Document = dict[str, Any]
_ABSENT: Any = None  # a part that a description does not need


class _Waits:
    """Times that are waited for clients."""

    body_timeout = 30.0
    resume_seconds = 10.0


def chat_server() -> Document:
    """What an Instance called NAME, with the default limits, answers at /openapi.json."""
    config = Config(
        schema_version=SCHEMA_VERSION,
        name="NAME",
        namespace="NAMESPACE",
        revision="",
        prompt="",
        model=_ABSENT,
        auth=Auth(audiences=()),
    )
    absent = dict.fromkeys(("gate", "chats", "store", "budgets", "log"), _ABSENT)
    return ChatApi(config, metrics=ChatMetrics(), settings=_Waits(), **absent).description()


def gateway() -> Document:
    """What the gateway answers at /openapi.json."""
    absent = dict.fromkeys(("client", "session", "log"), _ABSENT)
    return Gateway(parse([], {}), account_namespace="", metrics=GatewayMetrics(), **absent).description()
