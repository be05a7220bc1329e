"""ServiceAccounts as RBAC knows them: the names that Kubernetes derives, in its own way
(`serviceaccount.MakeUsername`, `MakeGroupNames`)."""

from __future__ import annotations


def user_of(namespace: str, name: str) -> str:
    """The user that a ServiceAccount is."""
    return f"system:serviceaccount:{namespace}:{name}"


def groups_of(namespace: str) -> tuple[str, ...]:
    """The groups of every ServiceAccount of a namespace. Its tokens do not name them."""
    return ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
