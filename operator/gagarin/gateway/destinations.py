"""Where an Instance answers, and with which headers it is asked on behalf of somebody.

The address is made of the Instance's name: nothing that a user could write into a resource sends the
gateway's token elsewhere, and nobody is taken to a Service that is no Instance for all they may know. Whether
it speaks TLS, the caller's own view of the Instance tells; who may chat and not look is taken to an Instance
without TLS.
"""

from __future__ import annotations

from typing import NamedTuple

from aiohttp import web
from multidict import CIMultiDict

from gagarin.core.names import audience
from gagarin.gateway import problems
from gagarin.gateway.callers import Caller, Callers, named
from gagarin.gateway.credentials import Credentials
from gagarin.gateway.memory import Memory
from gagarin.kube.errors import Forbidden, KubeError, NotFound
from gagarin.kube.resources import INSTANCE
from gagarin.kube.reviews import ResourceAttributes, ReviewedUser
from gagarin.serving.problems import forbidden

REMEMBERED_SECONDS = 10.0
MAX_REMEMBERED = 4096
MAX_GROUPS, MAX_NAME = 256, 1024  # what a pod takes
CHAT_VERBS = ("create", "get", "delete")
SCOPES = "scopes.authorization.openshift.io"
_PASSED_ON = ("Idempotency-Key", "Gagarin-End-User", "Gagarin-Depth", "Last-Event-ID")


class Destination(NamedTuple):
    """An Instance. `url` has no path; the headers hold our own token and the name of the caller."""

    namespace: str
    name: str
    url: str
    headers: CIMultiDict[str]


class Destinations:
    """Finds Instances for callers. `template` has the places {scheme}, {name} and {namespace}."""

    def __init__(self, callers: Callers, credentials: Credentials, template: str) -> None:
        self._callers = callers
        self._credentials = credentials
        self._template = template
        self._schemes: Memory[tuple[bytes, str, str], str] = Memory(MAX_REMEMBERED)

    async def destination(self, request: web.Request, authorization: str) -> Destination:
        """What a request is for. Raises `Problem`."""
        caller, namespace = self._callers.caller(authorization), self._callers.namespace(request)
        name = named(request, "Instance", namespace)
        user = await self._callers.user(caller)
        scheme = await self._scheme(caller, user, namespace, name)
        headers = CIMultiDict((each, request.headers[each]) for each in _PASSED_ON if each in request.headers)
        headers.extend(impersonating(user))
        token = await self._credentials.token(audience(name, namespace))
        headers["Authorization"] = f"Bearer {token}"
        url = self._template.format(scheme=scheme, name=name, namespace=namespace)
        return Destination(namespace, name, url, headers)

    def refused(self, destination: Destination) -> None:
        """The pod does not take our token."""
        self._credentials.refused(audience(destination.name, destination.namespace))

    async def _scheme(self, caller: Caller, user: ReviewedUser, namespace: str, name: str) -> str:
        key = (caller.digest, namespace, name)
        if (known := self._schemes.get(key)) is not None:
            return known
        try:
            scheme = await _scheme_seen_by(caller, namespace, name)
            if scheme is None and not await _may_chat(caller, namespace, name):
                raise forbidden(user.username, "create", f"{namespace}/{name}")
        except NotFound as error:
            raise problems.not_found("Instance", namespace, name) from error
        except KubeError as error:
            raise problems.refused(error) from error
        self._schemes.put(key, scheme or "http", REMEMBERED_SECONDS)
        return scheme or "http"


async def _scheme_seen_by(caller: Caller, namespace: str, name: str) -> str | None:
    """What the Instance speaks; None, when it is not for the caller to see. Raises `KubeError`."""
    try:
        instance = await caller.client.get(INSTANCE, namespace, name)
    except Forbidden:
        return None
    return "https" if instance["spec"].get("tls") else "http"


async def _may_chat(caller: Caller, namespace: str, name: str) -> bool:
    """Whether the caller may do anything at all with the chat of an Instance of this name. The pod asks which
    verb it is; this keeps those without rights from reaching, through us, whatever else has such a name."""
    for verb in CHAT_VERBS:
        attributes = ResourceAttributes(
            namespace=namespace,
            verb=verb,
            group=INSTANCE.group,
            resource=INSTANCE.plural,
            subresource="chat",
            name=name,
        )
        if (await caller.client.self_subject_access_review(attributes)).allowed:
            return True
    return False


def impersonating(user: ReviewedUser) -> CIMultiDict[str]:
    """The headers that name somebody to a pod. Raises `Problem` 403 for whom they cannot name."""
    if user.extra.get(SCOPES):
        raise problems.narrowed()
    names = (user.username, user.uid, *user.groups)
    if len(user.groups) > MAX_GROUPS or not all(
        len(name) <= MAX_NAME and name.isprintable() for name in names
    ):
        raise problems.unnamable()
    headers = CIMultiDict({"Impersonate-User": user.username})
    if user.uid:
        headers["Impersonate-Uid"] = user.uid
    for group in user.groups:
        headers.add("Impersonate-Group", group)
    return headers
