"""What can go wrong between the chat server and a server of the Model Context Protocol (MCP).

    CallFailed (of every tool)
    `- McpFault
       |- Refused      the server answered with a JSON-RPC error, which has a code
       |- BadStatus    the server answered with an HTTP status that is no success
       |- Unreachable  there is no connection, or it broke
       |- SessionLost  the server does not know our session any more: nothing was carried out
       `- Nonsense     what the server sent is not the protocol

Every message ends the sentence "The tool failed: ...", and may be read by a model: no address, no key.
"""

from __future__ import annotations

from typing import Any

from gagarin.server.tools.endpoint import CallFailed

MAX_REASON_CHARS = 2_000  # of what a server says about its failure


class McpFault(CallFailed):
    """Everything below."""


class Refused(McpFault):
    """A JSON-RPC error. `code` is the server's, or one of `messages`."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(f"its server says: {message[:MAX_REASON_CHARS]} (code {code})")
        self.code = code
        self.data = data


class BadStatus(McpFault):
    """An HTTP error without a JSON-RPC error in it."""

    def __init__(self, status: int, hint: str = "") -> None:
        if status in (401, 403):
            hint = "; see the auth of the Tool"
        super().__init__(f"its server answered with status {status}{hint}")
        self.status = status


class Unreachable(McpFault):
    """`delivered`: the server may have got the request, and may have carried it out."""

    def __init__(self, message: str, *, delivered: bool) -> None:
        super().__init__(message)
        self.delivered = delivered


class SessionLost(McpFault):
    """The server has to be greeted anew."""


class Nonsense(McpFault):
    """The message says what was wrong with what came."""
