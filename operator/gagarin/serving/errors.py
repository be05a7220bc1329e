"""What can go wrong in any service. None of the messages holds a key or a token."""

# ruff: noqa: N818 -- a problem is what RFC 9457 calls it

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class StartError(Exception):
    """The process cannot start, and ends with status 2. The message names the setting, the field or the file,
    and says what is wrong with it."""


class Problem(Exception):
    """An answer of 4xx or 5xx to the caller, as an RFC 9457 document (see `problems`).

    `slug` ends the problem type's URI; `errors` are (JSON pointer, or name of a header or parameter; what is
    wrong there); `more` are further members of the document. `close` asks for the connection to be closed,
    because the rest of the request was not read.
    """

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
