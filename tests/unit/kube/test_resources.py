"""Where kinds are served."""

from __future__ import annotations

from gagarin.kube.resources import BY_KIND, DEPLOYMENT, INSTANCE, NAMESPACE, POD


def test_the_core_group_is_served_under_api() -> None:
    assert POD.path("a", "p") == "/api/v1/namespaces/a/pods/p"


def test_named_groups_are_served_under_apis() -> None:
    assert DEPLOYMENT.path("a") == "/apis/apps/v1/namespaces/a/deployments"


def test_no_namespace_means_all_of_them() -> None:
    assert INSTANCE.path() == "/apis/gagarin.fyodorov.ai/v1alpha1/instances"


def test_cluster_scoped_kinds_have_no_namespace_in_their_path() -> None:
    assert NAMESPACE.path("", "a") == "/api/v1/namespaces/a"


def test_subresources_come_last() -> None:
    assert INSTANCE.path("a", "i", "status").endswith("/namespaces/a/instances/i/status")


def test_api_versions_are_spelled_as_in_manifests() -> None:
    assert (POD.api_version, DEPLOYMENT.api_version) == ("v1", "apps/v1")


def test_every_resource_is_found_by_its_kind() -> None:
    assert all(resource.kind == kind for kind, resource in BY_KIND.items())
