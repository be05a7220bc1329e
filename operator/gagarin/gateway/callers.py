"""Who is calling, and their connection to the API server.

A bearer token is never judged here. Resources are read and written with it, so that the API server does;
where somebody has to be named to a pod, the API server says who they are (SelfSubjectReview).
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from aiohttp import web

from gagarin.api.fields import LABEL, NAME
from gagarin.gateway import problems
from gagarin.gateway.memory import Memory
from gagarin.kube.client import KubeClient
from gagarin.kube.errors import KubeError
from gagarin.kube.reviews import ReviewedUser
from gagarin.serving.problems import no_such_route

REMEMBERED_SECONDS = 30.0  # as long as the pods remember that somebody may
MAX_REMEMBERED = 4096


class Caller(NamedTuple):
    """Somebody with a token. `digest` stands for the token where it is to be remembered."""

    token: str
    digest: bytes
    client: KubeClient


class Callers:
    """All callers of the gateway."""

    def __init__(self, client: KubeClient, default_namespace: str) -> None:
        self._client = client
        self._default = default_namespace
        self._known: Memory[bytes, ReviewedUser] = Memory(MAX_REMEMBERED)

    def caller(self, authorization: str) -> Caller:
        """Whoever holds the token in an Authorization header. Raises `Problem` 401."""
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise problems.no_token()
        if not (token.isascii() and token.isprintable()):
            raise problems.unauthorized()
        return Caller(token, hashlib.sha256(token.encode()).digest(), self._client.as_caller(token))

    async def user(self, caller: Caller) -> ReviewedUser:
        """Whom the API server takes the caller for. Raises `Problem`."""
        if (known := self._known.get(caller.digest)) is not None:
            return known
        try:
            user = await caller.client.self_subject_review()
        except KubeError as error:
            raise problems.refused(error) from error
        self._known.put(caller.digest, user, REMEMBERED_SECONDS)
        return user

    def namespace(self, request: web.Request) -> str:
        """The namespace that a path names, or the default one. Raises `Problem` 404."""
        namespace: str = request.match_info.get("namespace", self._default)
        if len(namespace) > 63 or not re.fullmatch(LABEL, namespace):
            raise no_such_route(request.path)
        return namespace


def named(request: web.Request, kind: str, namespace: str, part: str = "id") -> str:
    """The name of a resource in the path. Raises `Problem` 404 for what cannot be one."""
    name: str = request.match_info[part]
    if not re.fullmatch(NAME, name):
        raise problems.not_found(kind, namespace, name)
    return name
