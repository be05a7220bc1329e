"""What can go wrong in the gateway.

    GatewayError
    |- StartError   the process cannot start: a setting or a file is wrong; exit status 2
    `- Problem      an answer of 4xx or 5xx to the caller, as an RFC 9457 document (see `problems`)

None of their messages holds a key or a token.
"""

# ruff: noqa: N818 -- a problem is what RFC 9457 calls it

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class GatewayError(Exception):
    """Everything below."""


class StartError(GatewayError):
    """The message names the setting or the file, and says what is wrong with it."""


class Problem(GatewayError):
    """`slug` ends the problem type's URI, `errors` are (place, what is wrong there), `more` are further
    members of the document. `close` asks for the connection to be closed, because the rest of the request
    was not read."""

    def __init__(
        self,
        status: int,
        slug: str,
        title: str,
        detail: str,
        *,
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
        close: bool = False,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.slug = slug
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.more = dict(more or {})
        self.close = close
