"""What the API server is asked: its public keys or whom a token speaks for, and whether somebody may do
something to this Instance.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal, Protocol

from gagarin.kube.client import KubeClient
from gagarin.kube.errors import EndpointError, KubeError
from gagarin.kube.reviews import ResourceAttributes, SubjectAccessReviewSpec, TokenDecision
from gagarin.server.auth.identity import Identity
from gagarin.server.errors import AuthorityUnavailable

GROUP = "gagarin.fyodorov.ai"
ANSWER_SECONDS = 3.0  # a caller waits for this; the API server usually takes a millisecond

Verb = Literal["create", "get", "delete", "impersonate"]


class Authority(Protocol):
    """Each raises `AuthorityUnavailable` when there is no answer, whatever the reason."""

    async def jwks(self) -> bytes:
        """The JWKS document of the ServiceAccount token issuer."""
        ...

    async def token(self, token: str, audiences: Sequence[str]) -> TokenDecision:
        """Whom a token for one of the audiences speaks for."""
        ...

    async def review(self, identity: Identity, verb: Verb) -> bool:
        """Whether RBAC lets `identity` do `verb` to `instances/chat` of this Instance."""
        ...


class KubeAuthority:
    """The API server of the cluster, asked with this pod's own token.

    The keys come from the API server's own address: `jwks_uri` of the discovery document names another host,
    which a pod need not be able to reach.
    """

    def __init__(self, client: KubeClient, namespace: str, instance: str) -> None:
        self._client = client
        self._namespace = namespace
        self._instance = instance

    async def jwks(self) -> bytes:
        """GET /openid/v1/jwks."""
        async with _an_answer():
            return await self._client.jwks()

    async def token(self, token: str, audiences: Sequence[str]) -> TokenDecision:
        """A TokenReview. It needs a right that is the cluster's to give: `create` on tokenreviews."""
        async with _an_answer():
            return await self._client.token_review(token, audiences)

    async def review(self, identity: Identity, verb: Verb) -> bool:
        """A LocalSubjectAccessReview."""
        attributes = ResourceAttributes(
            namespace=self._namespace,
            verb=verb,
            group=GROUP,
            resource="instances",
            subresource="chat",
            name=self._instance,
        )
        spec = SubjectAccessReviewSpec(
            user=identity.user, uid=identity.uid, groups=identity.groups, resource_attributes=attributes
        )
        async with _an_answer():
            return (await self._client.local_subject_access_review(spec)).allowed


@asynccontextmanager
async def _an_answer() -> AsyncIterator[None]:
    """Whatever keeps us from an answer, also a refusal of our own token, is one error."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            yield
    except TimeoutError as error:
        raise AuthorityUnavailable(f"the API server did not answer within {ANSWER_SECONDS:g} s") from error
    except (KubeError, EndpointError) as error:
        raise AuthorityUnavailable(str(error)) from error
