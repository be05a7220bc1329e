"""What the operator, the chat servers and people may do: exactly this, in a cluster or in some namespaces."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.unit.charts.rendering import Object, of_kind, only, render

GROUP = "gagarin.fyodorov.ai"
KINDS = ("providers", "models", "tools", "agents", "instances")
READ = {"get", "list", "watch"}
WRITE = {"create", "update", "patch", "delete", "deletecollection"}
CHILD = {"get", "list", "watch", "create", "patch", "delete"}


class Right(NamedTuple):
    """One thing a rule allows."""

    group: str
    resource: str
    verb: str
    name: str = ""


def rights_of(role: Object) -> set[Right]:
    """All that a Role or ClusterRole allows."""
    return set(_rights(role["rules"]))


def _rights(rules: list[Object]) -> Iterator[Right]:
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    for name in rule.get("resourceNames", [""]):
                        yield Right(group, resource, verb, name)


def rights(group: str, resource: str, verbs: set[str], name: str = "") -> set[Right]:
    return {Right(group, resource, verb, name) for verb in verbs}


IN_A_NAMESPACE = set().union(
    *(rights(GROUP, kind, READ) for kind in KINDS),
    *(rights(GROUP, f"{kind}/status", {"patch"}) for kind in KINDS),
    rights(GROUP, "instances/finalizers", {"update"}),
    rights("", "secrets", CHILD),
    rights("", "configmaps", CHILD),
    rights("", "serviceaccounts", CHILD),
    rights("", "services", CHILD),
    rights("", "persistentvolumeclaims", CHILD - {"delete"}),
    rights("", "pods", {"list", "watch", "patch"}),
    rights("apps", "deployments", CHILD),
    rights("autoscaling", "horizontalpodautoscalers", CHILD),
    rights("networking.k8s.io", "networkpolicies", CHILD),
    rights("policy", "poddisruptionbudgets", CHILD),
    rights("apps", "replicasets", {"list", "watch"}),
    rights("rbac.authorization.k8s.io", "rolebindings", CHILD),
    rights("rbac.authorization.k8s.io", "clusterroles", {"bind"}, "gagarin-instance"),
    rights("events.k8s.io", "events", {"create"}),
)


def test_cluster_wide_the_operator_has_these_rights_and_no_other() -> None:
    role = only(render(), "ClusterRole", "gagarin-operator")
    assert rights_of(role) == IN_A_NAMESPACE | rights("", "namespaces", READ)


def test_the_operator_gets_its_rights_by_its_account() -> None:
    binding = only(render(), "ClusterRoleBinding")
    assert binding["roleRef"]["name"] == "gagarin-operator"
    account = {"kind": "ServiceAccount", "name": "gagarin-operator", "namespace": "gagarin-system"}
    assert binding["subjects"] == [account]


def test_with_namespaces_named_the_operator_has_a_role_in_each_and_nothing_cluster_wide() -> None:
    objects = render(values={"watchNamespaces": ["a", "b"]})
    assert of_kind(objects, "ClusterRoleBinding") == []
    assert {role["metadata"]["name"] for role in of_kind(objects, "ClusterRole")} == {
        "gagarin-instance",
        "gagarin-edit",
        "gagarin-author",
        "gagarin-view",
        "gagarin-chat",
    }
    roles = [role for role in of_kind(objects, "Role") if role["metadata"]["name"] == "gagarin-operator"]
    assert [role["metadata"]["namespace"] for role in roles] == ["a", "b"]
    for role in roles:
        assert rights_of(role) == IN_A_NAMESPACE | rights("", "namespaces", {"get"})


def test_a_namespace_may_be_called_as_yaml_calls_something_else() -> None:
    values = {"watchNamespaces": ["123", "no"], "gateway": {"enabled": True}}
    objects = of_kind(render(values=values), "Role") + of_kind(render(values=values), "RoleBinding")
    namespaces = [item["metadata"]["namespace"] for item in objects]
    assert set(namespaces) == {"123", "no", "gagarin-system"}


def test_the_roles_in_namespaces_are_bound_to_the_account_in_its_own() -> None:
    objects = render(values={"watchNamespaces": ["a", "b"]})
    bindings = [
        item for item in of_kind(objects, "RoleBinding") if item["metadata"]["name"] == "gagarin-operator"
    ]
    assert [item["metadata"]["namespace"] for item in bindings] == ["a", "b"]
    for binding in bindings:
        assert binding["roleRef"]["kind"] == "Role"
        assert binding["subjects"][0]["namespace"] == "gagarin-system"


@pytest.mark.parametrize("namespaces", [[], ["a"]])
def test_the_lease_is_the_only_thing_the_operator_writes_in_its_own_namespace(namespaces: list[str]) -> None:
    objects = render(values={"watchNamespaces": namespaces})
    role = only(objects, "Role", "gagarin-operator-lease")
    assert role["metadata"]["namespace"] == "gagarin-system"
    assert rights_of(role) == rights("coordination.k8s.io", "leases", {"create"}) | rights(
        "coordination.k8s.io", "leases", {"get", "update"}, "gagarin-operator"
    )


def test_chat_servers_may_ask_about_their_callers_and_nothing_else() -> None:
    role = only(render(), "ClusterRole", "gagarin-instance")
    assert rights_of(role) == rights("authorization.k8s.io", "localsubjectaccessreviews", {"create"})


@pytest.mark.parametrize(
    ("namespaces", "groups"),
    [
        ([], ["system:serviceaccounts"]),
        (["a", "b"], ["system:serviceaccounts:a", "system:serviceaccounts:b"]),
    ],
)
def test_with_token_reviews_the_accounts_that_are_served_may_ask_about_tokens_and_no_more(
    namespaces: list[str], groups: list[str]
) -> None:
    objects = render(values={"watchNamespaces": namespaces, "auth": {"tokenReview": True}})
    role = only(objects, "ClusterRole", "gagarin-token-reviewer")
    assert rights_of(role) == rights("authentication.k8s.io", "tokenreviews", {"create"})
    binding = only(objects, "ClusterRoleBinding", "gagarin-token-reviewer")
    assert binding["roleRef"]["name"] == "gagarin-token-reviewer"
    assert [(each["kind"], each["name"]) for each in binding["subjects"]] == [
        ("Group", each) for each in groups
    ]


def test_the_operator_never_gets_a_right_on_bindings_of_the_cluster() -> None:
    role = only(render(values={"auth": {"tokenReview": True}}), "ClusterRole", "gagarin-operator")
    assert rights_of(role) == IN_A_NAMESPACE | rights("", "namespaces", READ)


def status(verbs: set[str]) -> set[Right]:
    return set().union(*(rights(GROUP, f"{kind}/status", verbs) for kind in KINDS))


def test_editors_write_all_kinds_and_are_aggregated_to_edit_and_admin() -> None:
    role = only(render(), "ClusterRole", "gagarin-edit")
    written = set().union(*(rights(GROUP, kind, READ | WRITE) for kind in KINDS))
    scale = rights(GROUP, "instances/scale", {"get", "update", "patch"})
    assert rights_of(role) == written | scale | status({"get"})
    assert aggregated_to(role) == {"edit", "admin"}


def test_authors_write_agents_and_models_only_and_are_aggregated_to_nothing() -> None:
    role = only(render(), "ClusterRole", "gagarin-author")
    written = rights(GROUP, "agents", READ | WRITE) | rights(GROUP, "models", READ | WRITE)
    seen = set().union(*(rights(GROUP, kind, READ) for kind in KINDS))
    assert rights_of(role) == written | seen | status({"get"}) | rights(GROUP, "instances/scale", {"get"})
    assert aggregated_to(role) == set()


def test_viewers_only_read_and_are_aggregated_to_view() -> None:
    role = only(render(), "ClusterRole", "gagarin-view")
    assert {right.verb for right in rights_of(role)} == READ
    assert aggregated_to(role) == {"view"}


def test_chatting_is_a_right_of_its_own() -> None:
    role = only(render(), "ClusterRole", "gagarin-chat")
    assert rights_of(role) == rights(GROUP, "instances/chat", {"create", "get", "delete"})
    assert aggregated_to(role) == set()


def aggregated_to(role: Object) -> set[str]:
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    return {
        label.removeprefix(prefix)
        for label, value in role["metadata"]["labels"].items()
        if label.startswith(prefix) and value == "true"
    }


@pytest.mark.parametrize("namespaces", [[], ["a", "b"]])
def test_no_rule_has_a_wildcard(namespaces: list[str]) -> None:
    objects = render(values={"watchNamespaces": namespaces})
    found = {right for item in objects if "rules" in item for right in rights_of(item)}
    assert len(found) > len(IN_A_NAMESPACE)
    assert [right for right in found if any("*" in part for part in right)] == []


def test_a_second_release_leaves_the_shared_roles_to_the_first() -> None:
    values = {"clusterRoles": {"create": False}, "watchNamespaces": ["a"]}
    assert of_kind(render(values=values), "ClusterRole") == []
