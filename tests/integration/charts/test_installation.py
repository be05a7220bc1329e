"""The charts and the quickstart in a real API server: what it takes, and what it then allows."""

import shutil
from pathlib import Path

import pytest

from tests.integration.charts.installation import CHARTS, GROUP, OPERATOR, ROOT, SYSTEM, Installation, Object

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ROLES = "/apis/rbac.authorization.k8s.io/v1"
QUICKSTART = ROOT / "examples" / "quickstart"
NAMESPACE = "gagarin-quickstart"
EVERYTHING = ROOT / "tests" / "integration" / "charts" / "everything.yaml"
WITHOUT_MONITORING = (
    *("--set", "serviceMonitor.enabled=false", "--set", "podMonitor.enabled=false"),
    *("--set", "prometheusRule.enabled=false"),
)
GATEWAY_KINDS = (
    "deployment.apps",
    "horizontalpodautoscaler.autoscaling",
    "networkpolicy.networking.k8s.io",
    "poddisruptionbudget.policy",
    "configmap",
    "service",
)
GATEWAY = f"system:serviceaccount:{SYSTEM}:gagarin-gateway"


@pytest.fixture(scope="module")
def definitions(cluster: Installation) -> Installation:
    """The chart gagarin-crds."""
    cluster.install("gagarin-crds", "--wait")
    return cluster


@pytest.fixture
def operator(definitions: Installation) -> Installation:
    """The chart gagarin with its default values, whatever it had before."""
    definitions.install("gagarin", "--reset-values")
    return definitions


@pytest.fixture
def one_namespace(definitions: Installation) -> Installation:
    """The operator limited to the namespace `served`; `foreign` is none of its business."""
    for name in ("served", "foreign"):
        definitions.plane.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    definitions.install("gagarin", "--reset-values", "--set", "watchNamespaces={served}")
    return definitions


@pytest.fixture(scope="module")
def quickstart(definitions: Installation) -> str:
    """What kubectl says to the quickstart."""
    return definitions.kubectl("apply", "-k", QUICKSTART)


def bind(cluster: Installation, role: str, namespace: str) -> str:
    """What the API server says when the operator binds a ClusterRole there; nothing is kept of it."""
    subject = ("--clusterrole", role, "--serviceaccount", f"{namespace}:x", "--namespace", namespace)
    command = ("create", "rolebinding", "try", *subject, "--dry-run=server", "--as", OPERATOR)
    return cluster.said_by_kubectl(*command)


def test_the_definitions_are_established(definitions: Installation) -> None:
    found = definitions.kubectl("api-resources", "--api-group", GROUP, "--output", "name").split()
    kinds = ("agents", "instances", "models", "providers", "tools")
    assert sorted(found) == [f"{kind}.{GROUP}" for kind in kinds]


def test_an_upgrade_reaches_the_definitions(definitions: Installation, tmp_path: Path) -> None:
    chart = Path(shutil.copytree(CHARTS / "gagarin-crds", tmp_path / "gagarin-crds"))
    template = chart / "templates" / "models.yaml"
    template.write_text(template.read_text().replace("- gm\n", "- newer\n", 1))
    definitions.install(chart)
    crd = definitions.plane.call("GET", f"{CRDS}/models.{GROUP}").body
    assert crd["spec"]["names"]["shortNames"] == ["newer"]


def monitoring_definition(kind: str) -> Object:
    """A definition of the Prometheus Operator's, as far as the charts need it: that the kind exists."""
    plural = f"{kind.lower()}s"
    names = {"plural": plural, "singular": kind.lower(), "kind": kind}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    spec = {"group": "monitoring.coreos.com", "names": names, "scope": "Namespaced", "versions": [version]}
    crd = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    return {**crd, "metadata": {"name": f"{plural}.monitoring.coreos.com"}, "spec": spec}


def test_everything_there_is_to_switch_on_is_taken(definitions: Installation) -> None:
    for kind in ("ServiceMonitor", "PodMonitor", "PrometheusRule"):
        crd = monitoring_definition(kind)
        assert definitions.plane.apply(crd, CRDS).status == 201
        definitions.kubectl("wait", "--for=condition=Established", f"crd/{crd['metadata']['name']}")
    definitions.install("gagarin", "--values", str(EVERYTHING))
    there = f"/apis/monitoring.coreos.com/v1/namespaces/{SYSTEM}"
    for name in (
        "servicemonitors/gagarin-operator",
        "servicemonitors/gagarin-gateway",
        "podmonitors/gagarin-instances",
        "prometheusrules/gagarin",
    ):
        assert definitions.plane.call("GET", f"{there}/{name}").status == 200, name
    assert (
        definitions.plane.call("GET", f"/api/v1/namespaces/{SYSTEM}/configmaps/gagarin-dashboard").status
        == 200
    )


def test_chat_servers_may_make_token_reviews_where_that_was_switched_on(definitions: Installation) -> None:
    account = "system:serviceaccount:served:helper-agent"
    asked = ("create", "tokenreviews", "", "authentication.k8s.io")
    definitions.install("gagarin", "--reset-values")
    assert not definitions.may(account, *asked)
    definitions.install("gagarin", "--reset-values", "--set", "auth.tokenReview=true")
    groups = ["system:serviceaccounts", "system:serviceaccounts:served", "system:authenticated"]
    assert definitions.may(account, *asked, groups=groups)
    assert not definitions.may(OPERATOR, "create", "clusterrolebindings", "", "rbac.authorization.k8s.io")
    one = ("--set", "auth.tokenReview=true,watchNamespaces={served}")
    definitions.plane.call("POST", "/api/v1/namespaces", {"metadata": {"name": "served"}})
    definitions.install("gagarin", "--reset-values", *one)
    assert definitions.may(account, *asked, groups=groups)
    assert not definitions.may(account.replace("served", "foreign"), *asked, groups=groups[:1])


@pytest.mark.parametrize("gateway", ["", "gateway.yaml"])
def test_a_strict_server_knows_every_field(operator: Installation, tmp_path: Path, gateway: str) -> None:
    if gateway:  # all of it but what is of the Prometheus Operator's kinds
        operator.install("gagarin", "--values", str(EVERYTHING), *WITHOUT_MONITORING)
    rendered = tmp_path / "rendered.yaml"
    rendered.write_text(operator.helm("get", "manifest", "gagarin", "--namespace", SYSTEM))
    command = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
    applied = operator.kubectl(*command, "-f", rendered)
    assert "deployment.apps/gagarin-operator serverside-applied" in applied
    for kind in GATEWAY_KINDS if gateway else ():
        assert f"{kind}/gagarin-gateway serverside-applied" in applied


@pytest.mark.parametrize("program", ["gagarin-operator", "gagarin-gateway"])
def test_its_pods_are_admitted_where_restricted_is_enforced(operator: Installation, program: str) -> None:
    label = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    merge = "application/merge-patch+json"
    assert operator.plane.call("PATCH", f"/api/v1/namespaces/{SYSTEM}", label, merge).status == 200
    operator.install("gagarin", "--reset-values", "--set", "gateway.enabled=true")
    path = f"/apis/apps/v1/namespaces/{SYSTEM}/deployments/{program}"
    pod = operator.plane.call("GET", path).body["spec"]["template"]
    pod["metadata"]["name"] = "try"
    answer = operator.plane.call("POST", f"/api/v1/namespaces/{SYSTEM}/pods?dryRun=All", pod)
    assert answer.status == 201, answer.message
    del pod["spec"]["securityContext"]
    refused = operator.plane.call("POST", f"/api/v1/namespaces/{SYSTEM}/pods", pod)
    assert "violates PodSecurity" in refused.message


def test_the_gateway_may_speak_for_others_at_instances_and_nothing_else(operator: Installation) -> None:
    assert not operator.may(GATEWAY, "impersonate", "instances/chat", "default", GROUP)
    operator.install("gagarin", "--reset-values", "--set", "gateway.enabled=true")
    assert operator.may(GATEWAY, "impersonate", "instances/chat", "default", GROUP)
    assert operator.may(GATEWAY, "create", "serviceaccounts/token", SYSTEM, "", "gagarin-gateway")
    assert not operator.may(GATEWAY, "create", "serviceaccounts/token", SYSTEM, "", "gagarin-operator")
    assert not operator.may(GATEWAY, "create", "instances/chat", "default", GROUP)
    for user in ("users", "groups", "serviceaccounts"):
        assert not operator.may(GATEWAY, "impersonate", user)
    for verb, resource, group in (("get", "secrets", ""), ("list", "instances", GROUP), ("get", "pods", "")):
        assert not operator.may(GATEWAY, verb, resource, "default", group)
        assert not operator.may(GATEWAY, verb, resource, SYSTEM, group)


def test_the_operator_may_do_its_work_in_every_namespace_and_no_more(operator: Installation) -> None:
    assert operator.may(OPERATOR, "patch", "instances/status", "default", GROUP)
    assert operator.may(OPERATOR, "watch", "secrets")
    assert operator.may(OPERATOR, "patch", "pods", "default")
    assert operator.may(OPERATOR, "list", "namespaces")
    assert not operator.may(OPERATOR, "create", "pods", "default")
    assert operator.may(OPERATOR, "patch", "secrets", "default")  # copies of those that are shared
    assert operator.may(OPERATOR, "patch", "networkpolicies", "default", "networking.k8s.io")
    assert operator.may(OPERATOR, "patch", "persistentvolumeclaims", "default")
    assert not operator.may(OPERATOR, "delete", "persistentvolumeclaims", "default")
    assert not operator.may(OPERATOR, "patch", "instances", "default", GROUP)
    assert not operator.may(OPERATOR, "create", "instances/chat", "default", GROUP)
    assert not operator.may(OPERATOR, "update", "leases", SYSTEM, "coordination.k8s.io", "another")
    assert operator.may(OPERATOR, "update", "leases", SYSTEM, "coordination.k8s.io", "gagarin-operator")


def test_with_namespaces_named_the_operator_may_do_nothing_elsewhere(one_namespace: Installation) -> None:
    work = [("watch", "secrets", ""), ("list", "instances", GROUP), ("patch", "pods", "")]
    for verb, resource, group in work:
        assert one_namespace.may(OPERATOR, verb, resource, "served", group)
        assert not one_namespace.may(OPERATOR, verb, resource, "foreign", group)
        assert not one_namespace.may(OPERATOR, verb, resource, "", group)


def test_with_namespaces_named_the_operator_reads_their_labels_by_name(one_namespace: Installation) -> None:
    command = ("get", "namespace", "--output", "name", "--as", OPERATOR)
    assert one_namespace.said_by_kubectl(*command, "served") == "namespace/served\n"
    assert "is forbidden" in one_namespace.said_by_kubectl(*command, "foreign")


def test_the_operator_binds_the_role_of_chat_servers_and_no_other(operator: Installation) -> None:
    assert "try created" in bind(operator, "gagarin-instance", "default")
    assert "is forbidden" in bind(operator, "gagarin-edit", "default")
    assert "is forbidden" in bind(operator, "cluster-admin", "default")


def test_with_namespaces_named_it_binds_that_role_there_only(one_namespace: Installation) -> None:
    assert "try created" in bind(one_namespace, "gagarin-instance", "served")
    assert "is forbidden" in bind(one_namespace, "gagarin-instance", "foreign")
    assert "is forbidden" in bind(one_namespace, "cluster-admin", "served")


@pytest.mark.parametrize(
    ("role", "verbs"),
    [("view", {"get", "list", "watch"}), ("edit", {"create", "delete"}), ("admin", {"patch"})],
)
def test_who_may_view_or_edit_a_namespace_may_do_so_with_its_agents(
    operator: Installation, role: str, verbs: set[str]
) -> None:
    def has_them(cluster_role: Object) -> bool:
        ours = [rule for rule in cluster_role["rules"] if rule["apiGroups"] == [GROUP]]
        return verbs <= {verb for rule in ours if "agents" in rule["resources"] for verb in rule["verbs"]}

    operator.plane.until(f"{ROLES}/clusterroles/{role}", has_them)


def test_every_kind_of_the_quickstart_is_taken(quickstart: str) -> None:
    for name in ("provider.{}/model-stub", "agent.{}/greeter", "instance.{}/hello"):
        assert f"{name.format(GROUP)} created" in quickstart


def test_the_caller_can_ask_again_and_again(definitions: Installation, quickstart: str) -> None:
    assert "job.batch/caller" not in quickstart
    said = [definitions.kubectl("replace", "--force", "-k", QUICKSTART / "caller") for _ in range(2)]
    assert all("job.batch/caller replaced" in each for each in said)
    jobs = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs/caller"
    definitions.plane.until(jobs, lambda job: job.get("status", {}).get("active") == 1)


@pytest.mark.usefixtures("quickstart")
def test_the_callers_role_allows_this_instance_only(definitions: Installation) -> None:
    caller = f"system:serviceaccount:{NAMESPACE}:caller"
    assert definitions.may(caller, "create", "instances/chat", NAMESPACE, GROUP, "hello")
    assert not definitions.may(caller, "create", "instances/chat", NAMESPACE, GROUP, "another")
    assert not definitions.may(caller, "get", "instances", NAMESPACE, GROUP, "hello")
