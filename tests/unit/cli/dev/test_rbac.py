"""RBAC over manifests grants what an API server would grant, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from gagarin.cli.dev.rbac import Request, is_allowed
from gagarin.core.objects import Object

REQUEST = Request(
    user="system:serviceaccount:team:caller",
    groups=("system:serviceaccounts", "system:authenticated"),
    namespace="team",
    verb="create",
    group="gagarin.fyodorov.ai",
    resource="instances/chat",
    name="hello",
)
CALLER = {"kind": "ServiceAccount", "name": "caller", "namespace": "team"}


def role(kind: str = "Role", namespace: str = "team", **rule: Any) -> Object:
    granted = {
        "apiGroups": ["gagarin.fyodorov.ai"],
        "resources": ["instances/chat"],
        "verbs": ["create"],
        **rule,
    }
    return {"kind": kind, "metadata": {"name": "chat", "namespace": namespace}, "rules": [granted]}


def binding(subject: dict[str, str] = CALLER, kind: str = "Role", name: str = "chat") -> Object:
    return {
        "kind": "RoleBinding",
        "metadata": {"name": "chat", "namespace": "team"},
        "subjects": [subject],
        "roleRef": {"kind": kind, "name": name},
    }


def everywhere(kind: str = "ClusterRole") -> Object:
    return {**binding(kind=kind), "kind": "ClusterRoleBinding", "metadata": {"name": "chat"}}


@pytest.mark.parametrize(
    "objects",
    [
        [role(), binding()],
        [role(resourceNames=["hello"]), binding()],
        [role(verbs=["*"], resources=["*"], apiGroups=["*"]), binding()],
        [role("ClusterRole"), binding(kind="ClusterRole")],
        [binding(kind="ClusterRole", name="gagarin-chat")],
        [role(), binding({"kind": "User", "name": "system:serviceaccount:team:caller"})],
        [role(), binding({"kind": "Group", "name": "system:authenticated"})],
        [role(), binding({"kind": "ServiceAccount", "name": "caller"})],
        [role("ClusterRole"), everywhere()],
        [
            {**role(), "rules": ["nonsense", *role()["rules"]]},
            {**binding(), "subjects": ["nonsense", CALLER]},
        ],
    ],
)
def test_a_bound_role_that_matches_grants(objects: list[Object]) -> None:
    assert is_allowed(REQUEST, objects)


@pytest.mark.parametrize(
    "objects",
    [
        [],
        [role()],
        [binding()],
        [role(verbs=["get"]), binding()],
        [role(resources=["instances"]), binding()],
        [role(apiGroups=[""]), binding()],
        [role(resourceNames=["other"]), binding()],
        [role(namespace="elsewhere"), binding()],
        [role("ClusterRole"), binding()],
        [role(), everywhere("Role")],
        [role(), binding({**CALLER, "name": "somebody"})],
        [role(), binding({**CALLER, "namespace": "elsewhere"})],
        [role(), binding({"kind": "Group", "name": "admins"})],
        [role(), binding({"kind": "Robot", "name": "caller"})],
        [role(), {**binding(), "metadata": {"name": "chat", "namespace": "elsewhere"}}],
    ],
)
def test_anything_short_of_that_does_not(objects: list[Object]) -> None:
    assert not is_allowed(REQUEST, objects)
