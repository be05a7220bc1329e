"""An API server of a test: objects in memory behind the paths that Kubernetes has, tokens, and rights by
token.

What it refuses and how it merges is what the gateway depends on: names that are taken, versions that are
too old, owners of fields, dry runs. Everything else of the real one is tried in tests/integration/gateway.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.unit.server.listening import Listening

Object = dict[str, Any]
COLLECTION = "/{root:api/v1|apis/[^/]+/[^/]+}/namespaces/{namespace}/{plural}"
KINDS = {
    "providers": "Provider",
    "models": "Model",
    "tools": "Tool",
    "agents": "Agent",
    "instances": "Instance",
    "secrets": "Secret",
}


class ApiServer(Listening):
    """`denied` are (token, verb, plural) that RBAC refuses; `failing` decides, by method and plural,
    whether a call that is no dry run gets a 503; `users` are those whose tokens are taken."""

    def __init__(self) -> None:
        super().__init__()
        self.users: dict[str, Object] = {"alice": user("alice"), "gateway": user("gateway")}
        self.denied: set[tuple[str, str, str]] = set()
        self.failing: Callable[[str, str], bool] = lambda _method, _plural: False
        self.before_patch: Callable[[Object], None] = lambda _item: None
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.calls: list[tuple[str, str, str]] = []  # token, method, path
        self.issued: list[Object] = []
        self.broken = False
        self._versions = itertools.count(1)
        self._seconds = itertools.count()

    def application(self) -> web.Application:
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_post("/apis/authentication.k8s.io/v1/selfsubjectreviews", self._self_review)
        app.router.add_post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", self._access_review)
        app.router.add_post("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", self._token)
        app.router.add_route("*", COLLECTION, self._collection)
        app.router.add_route("*", COLLECTION + "/{name}", self._object)
        return app

    def put(self, kind: str, name: str, spec: Object, namespace: str = "team-a", **metadata: Any) -> Object:
        """An object that is there."""
        plural = next(plural for plural, known in KINDS.items() if known == kind)
        item = {
            "apiVersion": "v1" if kind == "Secret" else "gagarin.fyodorov.ai/v1alpha1",
            "kind": kind,
            "metadata": {"name": name, "namespace": namespace, **metadata},
            ("data" if kind == "Secret" else "spec"): spec,
        }
        return self._kept(plural, item)

    def get(self, kind: str, name: str, namespace: str = "team-a") -> Object | None:
        """An object as it is."""
        plural = next(plural for plural, known in KINDS.items() if known == kind)
        return self.objects.get((plural, namespace, name))

    def names(self, kind: str) -> list[str]:
        """The names of all objects of a kind."""
        return sorted(item["metadata"]["name"] for item in self.objects.values() if item["kind"] == kind)

    def _kept(self, plural: str, item: Object) -> Object:
        metadata = item["metadata"]
        key = (plural, metadata["namespace"], metadata["name"])
        second = next(self._seconds)
        metadata.setdefault("uid", f"uid-{plural}-{metadata['name']}")
        metadata.setdefault("creationTimestamp", f"2026-01-01T00:{second // 60:02}:{second % 60:02}Z")
        metadata["resourceVersion"] = str(next(self._versions))
        self.objects[key] = item
        return item

    def _admit(self, request: web.Request, verb: str) -> web.Response | None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.calls.append((token, request.method, request.path))
        plural = request.match_info.get("plural", "")
        if self.broken or (
            "dryRun" not in request.query and request.method != "GET" and self.failing(request.method, plural)
        ):
            return status(503, "ServiceUnavailable", "etcd is gone")
        if token not in self.users:
            return status(401, "Unauthorized", "Unauthorized")
        if (token, verb, plural) in self.denied:
            return status(403, "Forbidden", f'{plural} is forbidden: User "{token}" cannot {verb} {plural}')
        return None

    async def _self_review(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if refusal := self._admit(request, "create"):
            return refusal
        return web.json_response({"status": {"userInfo": self.users[token]}}, status=201)

    async def _access_review(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if refusal := self._admit(request, "create"):
            return refusal
        asked = (await request.json())["spec"]["resourceAttributes"]
        plural = f"{asked['resource']}/{asked['subresource']}"
        allowed = (token, asked["verb"], plural) not in self.denied
        return web.json_response({"status": {"allowed": allowed}}, status=201)

    async def _token(self, request: web.Request) -> web.Response:
        if refusal := self._admit(request, "create"):
            return refusal
        spec = (await request.json())["spec"]
        self.issued.append(spec)
        made = {"token": f"token-{len(self.issued)}", "expirationTimestamp": "2100-01-01T00:00:00Z"}
        return web.json_response({"status": made}, status=201)

    async def _collection(self, request: web.Request) -> web.Response:
        plural, namespace = request.match_info["plural"], request.match_info["namespace"]
        if refusal := self._admit(request, "create" if request.method == "POST" else "list"):
            return refusal
        if request.method == "GET":
            keys = sorted(key for key in self.objects if key[:2] == (plural, namespace))
            items = [self.objects[key] for key in keys]
            return web.json_response({"metadata": {"resourceVersion": "1"}, "items": items})
        item = await request.json()
        if (plural, namespace, item["metadata"]["name"]) in self.objects:
            return status(409, "AlreadyExists", f'{plural} "{item["metadata"]["name"]}" already exists')
        return web.json_response(self._kept(plural, item), status=201)

    async def _object(self, request: web.Request) -> web.Response:
        plural, namespace, name = (request.match_info[part] for part in ("plural", "namespace", "name"))
        verbs = {"GET": "get", "PATCH": "patch", "DELETE": "delete"}
        if refusal := self._admit(request, verbs[request.method]):
            return refusal
        item = self.objects.get((plural, namespace, name))
        if request.method == "PATCH" and "apply" in request.content_type:
            return await self._apply(request, item)
        if item is None:
            return status(404, "NotFound", f'{plural} "{name}" not found')
        if request.method == "PATCH":
            return await self._patch(request, item)
        if request.method == "DELETE":
            del self.objects[plural, namespace, name]
        return web.json_response(item)

    async def _apply(self, request: web.Request, there: Object | None) -> web.Response:
        """Server-side apply, as far as one manager and one owner go: an object has the manager who applied
        it first."""
        item = await request.json()
        query = request.query
        owner = (there or {}).get("metadata", {}).get("owner", query["fieldManager"])
        if query["force"] == "false" and owner != query["fieldManager"]:
            return status(409, "Conflict", f'Apply failed with 1 conflict: conflict with "{owner}"')
        if "dryRun" in query:
            return web.json_response(item)
        kept = {
            name: (there or {"metadata": {}})["metadata"].get(name) for name in ("uid", "creationTimestamp")
        }
        item["metadata"] |= {name: value for name, value in kept.items() if value}
        return web.json_response(self._kept(request.match_info["plural"], item))

    async def _patch(self, request: web.Request, item: Object) -> web.Response:
        patch = await request.json()
        self.before_patch(item)
        wanted = patch.get("metadata", {}).get("resourceVersion", item["metadata"]["resourceVersion"])
        if wanted != item["metadata"]["resourceVersion"]:
            return status(409, "Conflict", "the object has been modified")
        merged = merge(item, {"spec": patch["spec"]})
        return web.json_response(self._kept(request.match_info["plural"], merged))


def user(name: str) -> Object:
    """A ServiceAccount, as a SelfSubjectReview tells it."""
    groups = ["system:serviceaccounts", "system:serviceaccounts:team-a", "system:authenticated"]
    return {"username": f"system:serviceaccount:team-a:{name}", "uid": f"uid-of-{name}", "groups": groups}


def status(code: int, reason: str, message: str) -> web.Response:
    """A refusal as Kubernetes writes it."""
    return web.json_response(
        {"kind": "Status", "code": code, "reason": reason, "message": message}, status=code
    )


def merge(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    found = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = merge(found.get(name), value)
    return found
