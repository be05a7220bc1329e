"""What can go wrong in the chat server, beside what can in any service (`gagarin.serving.errors`).

    ServerError
    |- ProviderError         a model provider failed: unreachable, slow, refusing, or talking nonsense
    |- SecretUnreadable      a file of the secrets folder is not there
    |- TokenRefused          the bearer token is not one that this Instance takes
    |- AuthorityUnavailable  the API server could not be asked (for keys or for a review): nobody is let in
    |- SourceError           a source of knowledge, or one of its documents, cannot be had; only ever logged
    |- EgressRefused         a URL of a user leads where the server never connects to
    `- HistoryUnavailable    the store of conversations failed (disk full, database damaged)

None of their messages holds a key, a token, a prompt or an answer.
"""

# ruff: noqa: N818 -- the names say what happened; "Error" would add nothing

from __future__ import annotations

from typing import Literal


class ServerError(Exception):
    """Everything below."""


ProviderFault = Literal["unreachable", "timeout", "status", "nonsense", "interrupted", "no_key"]


class ProviderError(ServerError):
    """`fault` is the kind of failure (a metrics label), `retry_after` seconds if the provider named some.

    `retryable`: the same request may succeed in a moment, and no part of an answer was passed on yet.
    """

    def __init__(
        self,
        provider: str,
        fault: ProviderFault,
        detail: str,
        *,
        retryable: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"provider {provider} {detail}")
        self.provider = provider
        self.fault = fault
        self.retryable = retryable
        self.retry_after = retry_after


class SecretUnreadable(ServerError):
    """The message names the file relative to the secrets folder."""


class TokenRefused(ServerError):
    """The message says why, in words that may go to whoever sent the token."""


class AuthorityUnavailable(ServerError):
    """The message is for the log; the caller only learns that access cannot be checked now."""


class HistoryUnavailable(ServerError):
    """The message is for the log."""


class SourceError(ServerError):
    """The message is for the log; it names the source or the document, and holds no text of it."""


class EgressRefused(ServerError):
    """The message says why, without the address; it may go to a model."""
