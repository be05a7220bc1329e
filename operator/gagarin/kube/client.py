"""The client: one method a call, plain dictionaries in and out, errors of `kube.errors` and no others.

It keeps no state but its connections, never retries (who calls knows what a failure means) and waits a
bounded time for every answer. The chat server uses it for three calls, so importing it stays cheap.

    async with KubeClient(in_cluster()) as client:
        deployment = await client.get(DEPLOYMENT, "team-a", "helper")
"""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
import msgspec

from gagarin.core.objects import Key, Object
from gagarin.kube.endpoint import Endpoint, TokenSource
from gagarin.kube.errors import EndpointError, Unavailable, error_of
from gagarin.kube.resources import BY_KIND, SERVICE_ACCOUNT, Resource
from gagarin.kube.reviews import (
    AccessDecision,
    ResourceAttributes,
    ReviewAnswer,
    ReviewedUser,
    SelfReviewAnswer,
    SubjectAccessReviewSpec,
    TokenAnswer,
    TokenDecision,
    TokenRequest,
    TokenReviewAnswer,
    TokenStatus,
)
from gagarin.kube.watch import WatchEvent, event_of, lines

APPLY = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"
JSON = "application/json"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
WATCH_SECONDS = 300
SILENCE_SECONDS = 90.0  # the API server sends a bookmark every minute: a longer silence is a dead connection
PAGE_SIZE = 500
FULL_PAGE_SIZE = 100  # a page of whole objects is megabytes, and several times that once it is decoded

T = TypeVar("T")
L = TypeVar("L", "_List", "_VersionList")


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a collection. Every page of one listing has the same resource version: watch from there."""

    items: list[Object]
    resource_version: str


@dataclass(frozen=True, slots=True)
class Versions:
    """The same, when all that is wanted of each object is how new it is."""

    items: dict[Key, int]
    resource_version: str


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _List(msgspec.Struct):
    metadata: _ListMeta
    items: list[dict[str, Any]] | None = None


class _Version(msgspec.Struct, rename="camel"):
    name: str
    namespace: str = ""
    resource_version: str = ""


class _Versioned(msgspec.Struct):
    metadata: _Version


class _VersionList(msgspec.Struct):
    metadata: _ListMeta
    items: list[_Versioned] | None = None


class KubeClient:
    """A connection to one API server. An async context manager; safe to use from many tasks of one loop."""

    def __init__(self, endpoint: Endpoint, *, user_agent: str = "gagarin") -> None:
        self.endpoint = endpoint
        self._tokens = TokenSource(endpoint)
        self._user_agent = user_agent
        self._authorization: str | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        context = self.endpoint.ssl_context()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=context if context is not None else True),
            timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS, sock_connect=CONNECT_SECONDS),
            # Inside a cluster, compressing long lists costs both sides more than it saves.
            headers={"User-Agent": self._user_agent, "Accept-Encoding": "identity"},
            cookie_jar=aiohttp.DummyCookieJar(),  # nothing is remembered from one caller to the next
            middlewares=(self._authorize,),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        """The HTTP session. It authorizes whatever is sent through it."""
        if self._session is None:
            raise RuntimeError("KubeClient is used outside of its `async with` block")
        return self._session

    def as_caller(self, token: str) -> KubeClient:
        """The same connections with somebody else's bearer token, so that the API server judges them and not
        us. Raises `EndpointError` where a client certificate of ours would speak before any token."""
        if self.endpoint.client_certificate is not None:
            raise EndpointError("calls for somebody else need an endpoint without a client certificate")
        view = copy.copy(self)
        view._authorization = f"Bearer {token}"  # noqa: SLF001 -- it is one of us
        return view

    async def get(
        self, resource: Resource, namespace: str, name: str, *, metadata_only: bool = False
    ) -> Object:
        """One object. Raises `NotFound`."""
        accept = METADATA if metadata_only else JSON
        answer = _object(await self._call("GET", resource.path(namespace, name), headers={"Accept": accept}))
        return _named_kind(answer, resource)

    async def pages(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        metadata_only: bool = False,
        page_size: int | None = None,
    ) -> AsyncIterator[Page]:
        """A whole collection, page by page, so that memory holds one page. Raises `Gone` when it took too
        long between two pages; then begin again."""
        size = page_size or (PAGE_SIZE if metadata_only else FULL_PAGE_SIZE)
        accept = METADATA_LIST if metadata_only else JSON
        async for found in self._pages(resource, namespace, label_selector, size, accept, _List):
            items = [_named_kind(item, resource) for item in found.items or ()]
            yield Page(items, found.metadata.resource_version)

    async def versions(
        self, resource: Resource, namespace: str | None = None, *, label_selector: str = ""
    ) -> AsyncIterator[Versions]:
        """Like `pages`, for what is only to be compared: nothing else of the objects is decoded."""
        size, kind = PAGE_SIZE, resource.kind
        pages = self._pages(resource, namespace, label_selector, size, METADATA_LIST, _VersionList)
        async for found in pages:
            each = (item.metadata for item in found.items or ())
            versions = {Key(kind, one.namespace, one.name): int(one.resource_version or 0) for one in each}
            yield Versions(versions, found.metadata.resource_version)

    async def _pages(
        self,
        resource: Resource,
        namespace: str | None,
        label_selector: str,
        size: int,
        accept: str,
        kind: type[L],
    ) -> AsyncIterator[L]:
        query = {"limit": str(size)} | ({"labelSelector": label_selector} if label_selector else {})
        while True:
            body = await self._call("GET", resource.path(namespace), query=query, headers={"Accept": accept})
            found = _decode(body, kind)
            yield found
            if not found.metadata.continue_:
                return
            query["continue"] = found.metadata.continue_

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        metadata_only: bool = False,
    ) -> Page:
        """A whole collection at once."""
        items: list[Object] = []
        version = ""
        async for page in self.pages(
            resource, namespace, label_selector=label_selector, metadata_only=metadata_only
        ):
            items += page.items
            version = page.resource_version
        return Page(items, version)

    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        label_selector: str = "",
        metadata_only: bool = False,
    ) -> AsyncIterator[WatchEvent]:
        """The changes since `resource_version`, bookmarks included. It ends every few minutes, which is
        normal: go on from the last event's version. Raises `Gone` when that is too old: list again."""
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(WATCH_SECONDS),
        } | ({"labelSelector": label_selector} if label_selector else {})
        headers = {"Accept": METADATA if metadata_only else JSON}
        patience = aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)
        async with self._send("GET", resource.path(namespace), query, headers, patience=patience) as response:
            async for line in lines(response.content.iter_any()):
                event = event_of(line)
                _named_kind(event.object, resource)
                yield event

    async def apply(
        self,
        item: Object,
        *,
        field_manager: str,
        force: bool = True,
        subresource: str = "",
        dry_run: bool = False,
    ) -> Object:
        """Server-side apply: create the object, or make the fields in `item` ours (KEP-555). `force` takes
        them from other managers. Returns the object as it is now; with `dry_run`, as it would be."""
        resource, metadata = BY_KIND[item["kind"]], item["metadata"]
        path = resource.path(metadata.get("namespace"), metadata["name"], subresource)
        query = {"fieldManager": field_manager, "force": "true" if force else "false"}
        query |= {"dryRun": "All"} if dry_run else {}
        return _object(await self._call("PATCH", path, query=query, body=item, content_type=APPLY))

    async def patch(
        self, resource: Resource, namespace: str, name: str, change: Object, *, field_manager: str
    ) -> Object:
        """A JSON merge patch (RFC 7396). Returns the object as it is now."""
        query = {"fieldManager": field_manager}
        path = resource.path(namespace, name)
        return _object(await self._call("PATCH", path, query=query, body=change, content_type=MERGE_PATCH))

    async def create(self, resource: Resource, item: Object) -> Object:
        """Create an object. Raises `AlreadyExists`."""
        path = resource.path(item["metadata"].get("namespace"))
        return _object(await self._call("POST", path, body=item))

    async def replace(self, resource: Resource, item: Object) -> Object:
        """Replace an object. Raises `Conflict` when its resource version is no longer the newest."""
        metadata = item["metadata"]
        path = resource.path(metadata.get("namespace"), metadata["name"])
        return _object(await self._call("PUT", path, body=item))

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str) -> None:
        """Delete exactly the object with this uid; its dependents go in the background. Raises `NotFound`,
        and `Conflict` when another object has taken the name."""
        options = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        await self._call("DELETE", resource.path(namespace, name), body=options)

    async def jwks(self) -> bytes:
        """The public keys of the cluster's service account issuer, as the API server publishes them."""
        return await self._call("GET", "/openid/v1/jwks", headers={"Accept": "application/jwk-set+json"})

    async def local_subject_access_review(self, spec: SubjectAccessReviewSpec) -> AccessDecision:
        """Ask the authorizer, for the namespace that the attributes name."""
        namespace = spec.resource_attributes.namespace
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "LocalSubjectAccessReview",
            "metadata": {"namespace": namespace},
            "spec": spec,
        }
        path = f"/apis/authorization.k8s.io/v1/namespaces/{namespace}/localsubjectaccessreviews"
        return _decode(await self._call("POST", path, body=body), ReviewAnswer).status

    async def self_subject_access_review(self, attributes: ResourceAttributes) -> AccessDecision:
        """Ask the authorizer what we ourselves (or the caller, see `as_caller`) may do."""
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        return _decode(await self._call("POST", path, body=body), ReviewAnswer).status

    async def token_review(self, token: str, audiences: Sequence[str]) -> TokenDecision:
        """Ask the API server whom a token for one of the audiences speaks for, if it does now."""
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": audiences},
        }
        answer = await self._call("POST", "/apis/authentication.k8s.io/v1/tokenreviews", body=body)
        return _decode(answer, TokenReviewAnswer).status

    async def self_subject_review(self) -> ReviewedUser:
        """Whom our own token (or the caller's, see `as_caller`) speaks for. Raises `Unauthorized`."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = await self._call("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=body)
        return _decode(answer, SelfReviewAnswer).status.user_info

    async def create_token(self, namespace: str, service_account: str, request: TokenRequest) -> TokenStatus:
        """A token of a ServiceAccount (TokenRequest)."""
        path = SERVICE_ACCOUNT.path(namespace, service_account, "token")
        return _decode(await self._call("POST", path, body=request.body()), TokenAnswer).status

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = JSON,
    ) -> bytes:
        sent = {"Accept": JSON, **(headers or {})}
        data = None
        if body is not None:
            data = msgspec.json.encode(body)
            sent["Content-Type"] = content_type
        async with self._send(method, path, query or {}, sent, data=data) as response:
            return await response.read()

    @asynccontextmanager
    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        *,
        data: bytes | None = None,
        patience: aiohttp.ClientTimeout | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The one place where requests leave and errors come in."""
        url = self.endpoint.server + path
        options: dict[str, Any] = {"timeout": patience} if patience is not None else {}
        if self._authorization is not None:
            headers = {**headers, "Authorization": self._authorization}
        try:
            async with self.session.request(
                method, url, params=query, headers=headers, data=data, allow_redirects=False, **options
            ) as response:
                if response.status >= 300:
                    raise error_of(response.status, await response.read(), response.headers)
                yield response
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"{method} {path}: {str(error) or type(error).__name__}") from error

    async def _authorize(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if "Authorization" not in request.headers and (token := self._tokens.read()):
            request.headers["Authorization"] = f"Bearer {token}"
        return await handler(request)


def _decode(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise Unavailable(f"the API server's answer cannot be read: {error}") from error


def _object(body: bytes) -> Object:
    return _decode(body, dict[str, Any])


def _named_kind(item: Object, resource: Resource) -> Object:
    """Items of lists have no kind, and metadata-only ones have the wrong one: say what they are."""
    item["apiVersion"] = resource.api_version
    item["kind"] = resource.kind
    return item
