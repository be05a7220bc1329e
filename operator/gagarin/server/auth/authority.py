"""What the API server is asked: its public keys, and whether somebody may do something to this Instance."""

from __future__ import annotations

from typing import Literal, Protocol

from gagarin.server.auth.identity import Identity

Verb = Literal["create", "get", "delete", "impersonate"]


class Authority(Protocol):
    """Both raise `AuthorityUnavailable` when there is no answer, whatever the reason."""

    async def jwks(self) -> bytes:
        """The JWKS document of the ServiceAccount token issuer."""
        ...

    async def review(self, identity: Identity, verb: Verb) -> bool:
        """Whether RBAC lets `identity` do `verb` to `instances/chat` of this Instance."""
        ...
