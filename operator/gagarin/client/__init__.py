"""A client of Instances, for programs that talk to agents: `pip install ".[client]"` from a clone.

It needs aiohttp and msgspec, and nothing of the cluster but a token: see docs/python-sdk.md. `Client` is for
asyncio, `SyncClient` for everything else; errors are drawn in `gagarin.client.errors`.
"""

from gagarin.client.answers import (
    Answer,
    Conversation,
    ConversationPage,
    ConversationSummary,
    DayUsage,
    Done,
    Event,
    Message,
    Source,
    Token,
    ToolCall,
    ToolUse,
    Usage,
)
from gagarin.client.blocking import SyncClient, SyncStream
from gagarin.client.client import Client
from gagarin.client.errors import (
    ConnectionFailed,
    FieldError,
    Forbidden,
    GagarinError,
    Interrupted,
    InvalidRequest,
    NotFound,
    NotGagarin,
    ProblemError,
    ServerFailed,
    SettingsError,
    TimedOut,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from gagarin.client.stream import Stream

__all__ = [
    "Answer",
    "Client",
    "ConnectionFailed",
    "Conversation",
    "ConversationPage",
    "ConversationSummary",
    "DayUsage",
    "Done",
    "Event",
    "FieldError",
    "Forbidden",
    "GagarinError",
    "Interrupted",
    "InvalidRequest",
    "Message",
    "NotFound",
    "NotGagarin",
    "ProblemError",
    "ServerFailed",
    "SettingsError",
    "Source",
    "Stream",
    "SyncClient",
    "SyncStream",
    "TimedOut",
    "Token",
    "TooManyRequests",
    "ToolCall",
    "ToolUse",
    "Unauthenticated",
    "Unavailable",
    "Usage",
]
