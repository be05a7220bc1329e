"""The gateway's own tokens: one for the audience of each Instance that is talked to (TokenRequest).

They are kept in memory until shortly before they expire. A pod ends a WebSocket when the token behind it
does, so that what is left of a token bounds how long a socket can live.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from gagarin.gateway import problems
from gagarin.gateway.memory import Memory
from gagarin.kube.client import KubeClient
from gagarin.kube.errors import KubeError, TooManyRequests, Unavailable
from gagarin.kube.reviews import TokenRequest
from gagarin.serving.logs import Log

SECONDS = 3600
LEAST_LEFT = 900.0
MAX_TOKENS = 4096


class Credentials:
    """Tokens of one ServiceAccount. `now` gives Unix time."""

    def __init__(
        self, client: KubeClient, namespace: str, account: str, log: Log, now: Callable[[], float] = time.time
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._account = account
        self._log = log
        self._now = now
        self._tokens: Memory[str, str] = Memory(MAX_TOKENS, now)

    async def token(self, audience: str) -> str:
        """A token that still holds for a while. Raises `Problem` 503."""
        if (known := self._tokens.get(audience)) is not None:
            return known
        try:
            request = TokenRequest((audience,), SECONDS)
            made = await self._client.create_token(self._namespace, self._account, request)
        except (Unavailable, TooManyRequests) as error:
            raise problems.cluster_unavailable() from error
        except KubeError as error:
            self._log.event("error", "the gateway gets no token of its own", reason=str(error))
            raise problems.not_permitted() from error
        left = datetime.fromisoformat(made.expiration_timestamp).timestamp() - self._now()
        self._tokens.put(audience, made.token, left - LEAST_LEFT)
        return made.token

    def refused(self, audience: str) -> None:
        """A pod does not take our token: the next one is to be new."""
        self._tokens.forget(audience)
        self._log.event("error", "a pod refuses the gateway's token", audience=audience)
