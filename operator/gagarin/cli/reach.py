"""From what the user named to a client of the Instance: by its URL, or through the cluster."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gagarin.cli.errors import CommandError
from gagarin.cli.forwarding import Kubectl, forwarded
from gagarin.cli.tokens import Bearer
from gagarin.client import GagarinError, SettingsError, SyncClient
from gagarin.client.address import TokenSource
from gagarin.core import names
from gagarin.core.objects import Key, Object
from gagarin.kube.client import KubeClient
from gagarin.kube.endpoint import Endpoint
from gagarin.kube.errors import EndpointError, KubeError, NotFound
from gagarin.kube.resources import INSTANCE

EARLY = 60.0  # seconds before a token expires that the next one is asked for


@dataclass(frozen=True, slots=True)
class Direct:
    """An Instance at a URL, and a token that the user has. `server_name`: the name in its certificate, where
    the URL has another one."""

    url: str
    token: TokenSource
    ca_file: Path | None = None
    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class Through:
    """An Instance of a cluster, and as whom it is called."""

    kubectl: Kubectl
    bearer: Bearer
    ca_file: Path | None = None


class Renewed:
    """A token that is asked for again before it expires, so that a long conversation does not end with it."""

    def __init__(self, bearer: Bearer) -> None:
        self._bearer = bearer
        self._token = ""
        self._until = 0.0

    def __call__(self) -> str:
        if time.time() > self._until - EARLY:
            self._renew()
        return self._token

    def _renew(self) -> None:
        """On a thread of its own: the client that asks for the token runs in an event loop already."""
        with ThreadPoolExecutor(1) as thread:
            made = thread.submit(asyncio.run, self._bearer.token()).result()
        self._token = made.token
        self._until = datetime.fromisoformat(made.expiration_timestamp).timestamp()


@contextlib.contextmanager
def client_of(way: Direct | Through) -> Iterator[SyncClient]:
    """A client, while the block runs. Raises `CommandError`."""
    try:
        if isinstance(way, Direct):
            with SyncClient(way.url, way.token, ca_file=way.ca_file, server_name=way.server_name) as client:
                yield client
        else:
            with _through(way) as client:
                yield client
    except SettingsError as error:
        raise CommandError(str(error)) from error


@contextlib.contextmanager
def _through(way: Through) -> Iterator[SyncClient]:
    instance = way.bearer.instance
    found = asyncio.run(instance_of(way.bearer.endpoint, instance))
    tls = "tls" in (found.get("spec") or {})
    token = Renewed(way.bearer)
    token()  # first, because who gets none needs no connection
    with forwarded(way.kubectl, instance, 443 if tls else 80) as port:
        url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        name = names.audience(instance.name, instance.namespace) if tls else None
        with SyncClient(url, token, ca_file=way.ca_file, server_name=name) as client:
            yield client


async def instance_of(endpoint: Endpoint, instance: Key) -> Object:
    """The Instance, as the cluster has it. Raises `CommandError`."""
    try:
        async with KubeClient(endpoint, user_agent="gagarin-cli") as client:
            return await client.get(INSTANCE, instance.namespace, instance.name)
    except NotFound as error:
        raise CommandError(f"{instance} does not exist; `gagarin status` lists those that do") from error
    except (EndpointError, KubeError) as error:
        raise CommandError(f"{instance} cannot be read: {error}") from error


def advice(error: GagarinError) -> str:
    """What is wrong, and what to do about it."""
    hints = {
        "Unauthenticated": "a token has to be for this Instance, and not expired: `gagarin token INSTANCE`",
        "Forbidden": "bind a Role with the verb create on instances/chat to whom the token is of",
        "ConnectionFailed": "why: `gagarin status INSTANCE`, or what `gagarin dev` printed",
    }
    hint = hints.get(type(error).__name__)
    return f"{error}\n  {hint}" if hint else str(error)
