"""Tokens for an Instance, asked for with the user's own rights (TokenRequest on a ServiceAccount)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gagarin.cli.errors import CommandError
from gagarin.core import names
from gagarin.core.objects import Key
from gagarin.kube.client import KubeClient
from gagarin.kube.endpoint import Endpoint
from gagarin.kube.errors import EndpointError, Forbidden, Invalid, KubeError, NotFound
from gagarin.kube.reviews import TokenRequest, TokenStatus

SHORTEST = 600  # seconds; the API server gives none for less
_SECONDS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class Bearer:
    """As whom which Instance is to be called, in which cluster; `seconds` is how long a token is to last."""

    endpoint: Endpoint
    instance: Key
    service_account: str
    seconds: int = 3600

    async def token(self) -> TokenStatus:
        """A new token. Raises `CommandError`, saying what to do."""
        request = TokenRequest((names.audience(self.instance.name, self.instance.namespace),), self.seconds)
        account = f"ServiceAccount {self.instance.namespace}/{self.service_account}"
        try:
            async with KubeClient(self.endpoint, user_agent="gagarin-cli") as client:
                return await client.create_token(self.instance.namespace, self.service_account, request)
        except NotFound as error:
            raise CommandError(f"{account} does not exist: name another one with --as") from error
        except Forbidden as error:
            raise CommandError(
                f"you may not make tokens of {account}, which takes create on serviceaccounts/token: {error}"
            ) from error
        except Invalid as error:
            raise CommandError(f"{account} gets no such token: {error}") from error
        except (EndpointError, KubeError) as error:
            raise CommandError(f"the cluster gives no token: {error}") from error


def seconds_of(duration: str) -> int:
    """Seconds of a duration such as 90s, 30m or 1h. Raises `CommandError`."""
    found = re.fullmatch(r"([0-9]{1,6})([smh])", duration)
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    if seconds < SHORTEST:
        raise CommandError(f"--duration: {duration!r} is no duration of at least 10m, such as 30m or 1h")
    return seconds
