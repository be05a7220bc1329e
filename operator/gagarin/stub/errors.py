"""What can go wrong in the stub model server, and what the caller sees of it.

StubError
 ├─ ApiError       an answer to the request that caused it, in OpenAI's error shape
 ├─ HungUpError    a reply told the stub to drop the connection: the caller gets nothing more
 └─ ScriptError    the script file is wrong: the server does not start (exit status 2)
"""

from __future__ import annotations

import msgspec


class StubError(Exception):
    """Any mistake of a caller or of the person who started the server."""


class ScriptError(StubError):
    """The script file cannot be used; the message names the file, the line and the field."""


class HungUpError(StubError):
    """The stub closed the connection on purpose."""


class ApiError(StubError):
    """An HTTP answer `{"error": {"message", "type", "param", "code"}}` with `status`."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.param = param
        self.code = code
        self.retry_after = retry_after

    def value(self) -> dict[str, object]:
        """The error in OpenAI's shape."""
        return {"error": {"message": str(self), "type": self.kind, "param": self.param, "code": self.code}}

    def body(self) -> bytes:
        """The error as a JSON body."""
        return msgspec.json.encode(self.value())
