"""Role-based access control, evaluated over manifests: what `gagarin dev` answers access reviews with.

Covers what an Instance's callers are granted by: Roles and ClusterRoles bound in the namespace by a
RoleBinding, and ClusterRoles bound everywhere by a ClusterRoleBinding. The rules are those of the API server:
a rule matches when verb, group, resource (with its subresource) and name all match, and grants only ever add
up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from gagarin.core.objects import Object
from gagarin.kube.resources import GROUP
from gagarin.kube.serviceaccounts import user_of

CHAT_ROLE: Object = {  # the role that the chart ships for callers
    "kind": "ClusterRole",
    "metadata": {"name": "gagarin-chat"},
    "rules": [{"apiGroups": [GROUP], "resources": ["instances/chat"], "verbs": ["create", "get", "delete"]}],
}


class Request(NamedTuple):
    """What somebody wants to do, in the words of a SubjectAccessReview."""

    user: str
    groups: tuple[str, ...]
    namespace: str
    verb: str
    group: str
    resource: str
    name: str


def is_allowed(request: Request, objects: Iterable[Object]) -> bool:
    """Whether some RoleBinding of the namespace, or a ClusterRoleBinding, grants the request."""
    known = [CHAT_ROLE, *objects]
    bindings = (
        item
        for item in known
        if item["kind"] == "ClusterRoleBinding"
        or (item["kind"] == "RoleBinding" and item["metadata"].get("namespace") == request.namespace)
    )
    return any(
        _names_caller(binding, request) and any(_matches(rule, request) for rule in _rules(binding, known))
        for binding in bindings
    )


def _names_caller(binding: Object, request: Request) -> bool:
    subjects = (each for each in binding.get("subjects") or [] if isinstance(each, dict))
    return any(_is_caller(subject, request) for subject in subjects)


def _is_caller(subject: dict[str, Any], request: Request) -> bool:
    match subject.get("kind"):
        case "ServiceAccount":
            namespace = subject.get("namespace", request.namespace)
            return request.user == user_of(namespace, str(subject.get("name")))
        case "User":
            return request.user == subject.get("name")
        case "Group":
            return subject.get("name") in request.groups
    return False


def _rules(binding: Object, known: list[Object]) -> Iterator[dict[str, Any]]:
    reference = binding.get("roleRef") or {}
    for item in known:
        if item["kind"] != reference.get("kind") or item["metadata"]["name"] != reference.get("name"):
            continue
        if item["kind"] == "ClusterRole" or item["metadata"].get("namespace") == binding["metadata"].get(
            "namespace"
        ):
            yield from (rule for rule in item.get("rules") or [] if isinstance(rule, dict))


def _matches(rule: dict[str, Any], request: Request) -> bool:
    names = rule.get("resourceNames")
    return (
        _has(rule.get("verbs"), request.verb)
        and _has(rule.get("apiGroups"), request.group)
        and _has(rule.get("resources"), request.resource)
        and (not names or request.name in names)
    )


def _has(values: list[str] | None, wanted: str) -> bool:
    return values is not None and ("*" in values or wanted in values)
