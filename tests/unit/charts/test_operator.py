"""The operator's Deployment and what stands beside it, for the default values and every switch."""

from pathlib import Path
from typing import Any

import pytest

from gagarin.cli.standins import CERTIFICATE
from gagarin.controller.options import OPTIONS
from gagarin.controller.settings import parse
from tests.unit.charts.rendering import (
    CHARTS,
    Object,
    container,
    environment,
    helm,
    meets_restricted,
    notes,
    of_kind,
    only,
    pod_spec,
    render,
    template,
)

SELECTOR = {
    "app.kubernetes.io/name": "gagarin",
    "app.kubernetes.io/instance": "gagarin",
    "app.kubernetes.io/component": "operator",
}


@pytest.mark.parametrize("chart", ["gagarin", "gagarin-crds"])
def test_the_linter_has_nothing_to_say(chart: str) -> None:
    done = helm("lint", "--strict", "--quiet", CHARTS / chart)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_by_default_the_chart_is_these_objects() -> None:
    found = {(item["kind"], item["metadata"]["name"]) for item in render()}
    assert found == {
        ("Deployment", "gagarin-operator"),
        ("ServiceAccount", "gagarin-operator"),
        ("PodDisruptionBudget", "gagarin-operator"),
        ("ClusterRole", "gagarin-operator"),
        ("ClusterRoleBinding", "gagarin-operator"),
        ("Role", "gagarin-operator-lease"),
        ("RoleBinding", "gagarin-operator-lease"),
        ("ClusterRole", "gagarin-instance"),
        ("ClusterRole", "gagarin-edit"),
        ("ClusterRole", "gagarin-author"),
        ("ClusterRole", "gagarin-view"),
        ("ClusterRole", "gagarin-chat"),
    }


def test_an_older_kubernetes_is_refused() -> None:
    assert "requires kubeVersion: >=1.30.0-0" in template(CHARTS / "gagarin", kubernetes="1.29.9").stderr


def test_everything_namespaced_lies_in_the_namespace_of_the_release() -> None:
    namespaces = {item["metadata"].get("namespace", "") for item in render()}
    assert namespaces == {"gagarin-system", ""}


def test_the_operator_runs_restricted_and_without_a_fixed_uid() -> None:
    pod = pod_spec(render())
    assert meets_restricted(pod)
    assert "runAsUser" not in pod["securityContext"]
    assert "runAsUser" not in container(render())["securityContext"]


def test_the_account_gives_its_token_to_the_operator_only() -> None:
    objects = render()
    assert only(objects, "ServiceAccount")["automountServiceAccountToken"] is False
    assert pod_spec(objects)["automountServiceAccountToken"] is True


def test_probes_ask_the_second_port() -> None:
    operator = container(render())
    assert operator["ports"] == [{"name": "ops", "containerPort": 8081}]
    asked = {name: operator[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert asked == {
        "startup": {"path": "/healthz", "port": "ops"},
        "liveness": {"path": "/healthz", "port": "ops"},
        "readiness": {"path": "/readyz", "port": "ops"},
    }


def test_the_selector_fits_the_pods_and_changes_with_no_version() -> None:
    deployment = only(render(), "Deployment")
    assert deployment["spec"]["selector"]["matchLabels"] == SELECTOR
    assert deployment["spec"]["template"]["metadata"]["labels"] == SELECTOR


def test_the_settings_reach_the_operator() -> None:
    values = {
        "workers": 3,
        "maxConcurrentRollouts": 5,
        "resyncSeconds": 60,
        "log": {"level": "debug", "format": "text"},
        "watchNamespaces": ["team-a", "team-b"],
        "image": {"repository": "registry.example.com:5000/gagarin", "tag": "1.2.3", "pullPolicy": "Always"},
    }
    assert environment(render(values=values)) == {
        "GAGARIN_NAMESPACES": "team-a,team-b",
        "GAGARIN_INSTANCE_IMAGE": "registry.example.com:5000/gagarin:1.2.3",
        "GAGARIN_IMAGE_PULL_POLICY": "Always",
        "GAGARIN_INSTANCE_FS_GROUP": "65532",
        "GAGARIN_INSTANCE_RUN_AS_USER": "65532",
        "GAGARIN_LEASE_NAME": "gagarin-operator",
        "GAGARIN_WORKERS": "3",
        "GAGARIN_MAX_CONCURRENT_ROLLOUTS": "5",
        "GAGARIN_RESYNC_SECONDS": "60",
        "GAGARIN_LOG_LEVEL": "debug",
        "GAGARIN_LOG_FORMAT": "text",
    }


PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
FOR_INSTANCES = {
    "proxy": {"http": "http://proxy:3128", "https": "http://proxy:3129", "noProxy": ".svc,10.0.0.0/8"},
    "caBundle": PEM,
    "imageMirrors": [{"from": "docker.io/", "to": "mirror/hub/"}, {"from": "ghcr.io/", "to": "mirror/ghcr/"}],
    "imagePullSecrets": [{"name": "one"}, {"name": "two"}],
    "apiServerCIDRs": ["10.0.0.1/32", "10.0.0.2/32"],
}
POLICY = {
    "stdioImages": ["registry/tools/", "registry/other/"],
    "annotationPrefixes": ["example.com/"],
    "secretLabel": "example.com/agents=yes",
}


def test_what_instances_get_and_may_reaches_the_operator_only_when_it_is_said() -> None:
    values = {"instances": FOR_INSTANCES, "policy": POLICY, "auth": {"tokenReview": True}}
    plain, said = environment(render()), environment(render(values=values))
    assert {name: value for name, value in said.items() if name not in plain} == {
        "GAGARIN_INSTANCE_HTTP_PROXY": "http://proxy:3128",
        "GAGARIN_INSTANCE_HTTPS_PROXY": "http://proxy:3129",
        "GAGARIN_INSTANCE_NO_PROXY": ".svc,10.0.0.0/8",
        "GAGARIN_INSTANCE_CA_BUNDLE": "/etc/gagarin/ca-bundle.pem",
        "GAGARIN_API_SERVER_CIDR": "10.0.0.1/32,10.0.0.2/32",
        "GAGARIN_IMAGE_MIRROR": "docker.io/=mirror/hub/,ghcr.io/=mirror/ghcr/",
        "GAGARIN_INSTANCE_IMAGE_PULL_SECRET": "one,two",
        "GAGARIN_POLICY_STDIO_IMAGE_PREFIX": "registry/tools/,registry/other/",
        "GAGARIN_POLICY_ANNOTATION_PREFIX": "example.com/",
        "GAGARIN_POLICY_SECRET_LABEL": "example.com/agents=yes",
        "GAGARIN_TOKEN_REVIEW": "true",
    }


@pytest.mark.parametrize(("value", "name"), [("fsGroup", "FS_GROUP"), ("runAsUser", "RUN_AS_USER")])
def test_ids_are_numbers_or_left_to_the_platform(value: str, name: str) -> None:
    variable = f"GAGARIN_INSTANCE_{name}"
    assert environment(render())[variable] == "65532"
    assert environment(render(values={"instances": {value: 2_000_000_000}}))[variable] == "2000000000"
    assert variable not in environment(render(values={"instances": {value: None}}))


def test_the_ca_bundle_is_a_file_of_the_operator_and_a_change_starts_it_anew() -> None:
    objects = render(values={"instances": {"caBundle": PEM}})
    settings = only(objects, "ConfigMap")
    assert settings["data"] == {"ca-bundle.pem": PEM}
    mounted = {"name": "settings", "configMap": {"name": settings["metadata"]["name"]}}
    assert pod_spec(objects)["volumes"] == [mounted]
    (mount,) = container(objects)["volumeMounts"]
    path = environment(objects)["GAGARIN_INSTANCE_CA_BUNDLE"]
    assert path == f"{mount['mountPath']}/ca-bundle.pem"
    assert mount["readOnly"] is True
    other = render(values={"instances": {"caBundle": PEM.replace("MIIB", "MIIC")}})
    assert annotations_of_pods(objects) != annotations_of_pods(other)


def annotations_of_pods(objects: list[Object]) -> Any:
    return only(objects, "Deployment")["spec"]["template"]["metadata"]["annotations"]


@pytest.mark.parametrize(
    "values", [{}, {"watchNamespaces": ["a", "b"]}, {"workers": 256, "maxConcurrentRollouts": 100_000}]
)
def test_the_operator_understands_every_setting_the_chart_gives_it(values: Object) -> None:
    given = environment(render(values=values))
    settings = parse([], given)
    assert set(given) <= {option.variable for option in OPTIONS}
    assert settings.namespaces == tuple(values.get("watchNamespaces", ()))
    assert settings.workers == values.get("workers", 16)
    assert settings.max_concurrent_rollouts == values.get("maxConcurrentRollouts", 20)


def test_the_operator_understands_what_instances_get_and_may(tmp_path: Path) -> None:
    values = {"instances": FOR_INSTANCES, "policy": POLICY, "auth": {"tokenReview": True}}
    (tmp_path / "ca.pem").write_text(CERTIFICATE)
    given = environment(render(values=values)) | {"GAGARIN_INSTANCE_CA_BUNDLE": str(tmp_path / "ca.pem")}
    settings = parse([], given)
    assert set(given) <= {option.variable for option in OPTIONS}
    assert settings.render().image_pull_secrets == ("one", "two")
    assert settings.render().ca_bundle == CERTIFICATE
    assert settings.policy.token_review is True
    assert settings.policy.stdio_images == ("registry/tools/", "registry/other/")


def test_the_charts_defaults_are_the_operators() -> None:
    given = environment(render())
    for option in OPTIONS:
        if option.default and option.variable in given:
            assert (option.variable, given[option.variable]) == (option.variable, option.default)


DIGEST = "sha256:" + "0f" * 32


@pytest.mark.parametrize(
    ("image", "instances", "operator", "chat"),
    [
        ({}, {}, "gagarin.local/gagarin:0.1.0", "gagarin.local/gagarin:0.1.0"),
        ({"tag": "2"}, {}, "gagarin.local/gagarin:2", "gagarin.local/gagarin:2"),
        ({"tag": "2"}, {"tag": "1"}, "gagarin.local/gagarin:2", "gagarin.local/gagarin:1"),
        ({"repository": "r/g", "tag": "2"}, {}, "r/g:2", "r/g:2"),
        ({"tag": "2"}, {"repository": "r/chat"}, "gagarin.local/gagarin:2", "r/chat:0.1.0"),
        (
            {"tag": "2", "digest": DIGEST},
            {},
            f"gagarin.local/gagarin@{DIGEST}",
            f"gagarin.local/gagarin@{DIGEST}",
        ),
        ({"digest": DIGEST}, {"tag": "1"}, f"gagarin.local/gagarin@{DIGEST}", "gagarin.local/gagarin:1"),
        ({}, {"digest": DIGEST}, "gagarin.local/gagarin:0.1.0", f"gagarin.local/gagarin@{DIGEST}"),
        ({}, {"repository": "r/chat", "digest": DIGEST}, "gagarin.local/gagarin:0.1.0", f"r/chat@{DIGEST}"),
    ],
)
def test_instances_run_the_operators_image_unless_another_is_named(
    image: Object, instances: Object, operator: str, chat: str
) -> None:
    objects = render(values={"image": image, "instances": {"image": instances}})
    assert container(objects)["image"] == operator
    assert environment(objects)["GAGARIN_INSTANCE_IMAGE"] == chat


def test_the_pull_policy_of_instances_is_their_own() -> None:
    objects = render(values={"instances": {"image": {"pullPolicy": "Never"}}})
    assert container(objects)["imagePullPolicy"] == "IfNotPresent"
    assert environment(objects)["GAGARIN_IMAGE_PULL_POLICY"] == "Never"


TOLERATION = {"key": "dedicated", "operator": "Exists"}
AFFINITY = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone"}]}}


@pytest.mark.parametrize(
    ("value", "given", "field"),
    [
        ("imagePullSecrets", [{"name": "registry"}], "imagePullSecrets"),
        ("priorityClassName", "system-cluster-critical", "priorityClassName"),
        ("nodeSelector", {"kubernetes.io/os": "linux"}, "nodeSelector"),
        ("tolerations", [TOLERATION], "tolerations"),
        ("affinity", AFFINITY, "affinity"),
    ],
)
def test_a_field_of_the_pod_is_left_out_until_it_is_given(value: str, given: Any, field: str) -> None:
    assert field not in pod_spec(render())
    assert pod_spec(render(values={value: given}))[field] == given


def test_resources_are_taken_as_they_are() -> None:
    resources = {"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"memory": "2Gi", "cpu": "2"}}
    assert container(render(values={"resources": resources}))["resources"] == resources


def test_a_uid_can_be_set_beside_what_restricted_wants() -> None:
    pod = pod_spec(render(values={"podSecurityContext": {"runAsUser": 1000}}))
    assert pod["securityContext"]["runAsUser"] == 1000
    assert meets_restricted(pod)


def test_more_environment_comes_after_the_settings() -> None:
    secret = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}
    proxy = {"name": "HTTPS_PROXY", "value": "http://proxy.example.com:3128"}
    assert container(render(values={"extraEnv": [proxy, secret]}))["env"][-2:] == [proxy, secret]


def test_labels_of_the_pods_do_not_displace_the_selector() -> None:
    labels = {"team": "a", "app.kubernetes.io/name": "mine"}
    template_of = only(render(values={"podLabels": labels}), "Deployment")["spec"]["template"]
    assert template_of["metadata"]["labels"] == {"team": "a", **SELECTOR}


def test_annotations_of_the_pods_are_taken() -> None:
    values = {"podAnnotations": {"a/b": "c"}}
    assert only(render(values=values), "Deployment")["spec"]["template"]["metadata"]["annotations"] == {
        "a/b": "c"
    }


def test_a_spread_without_a_selector_gets_the_operators() -> None:
    own = {"matchLabels": {"a": "b"}}
    constraints = [
        {"topologyKey": "host"},
        {"topologyKey": "zone", "labelSelector": own},
        {"topologyKey": "rack"},
    ]
    spread = pod_spec(render(values={"topologySpreadConstraints": constraints}))["topologySpreadConstraints"]
    ours = {"matchLabels": SELECTOR}
    assert spread == [
        {"topologyKey": "host", "labelSelector": ours},
        {"topologyKey": "zone", "labelSelector": own},
        {"topologyKey": "rack", "labelSelector": ours},
    ]


def test_one_replica_can_still_be_drained() -> None:
    budget = only(render(values={"replicas": 1}), "PodDisruptionBudget")
    assert budget["spec"] == {"maxUnavailable": 1, "selector": {"matchLabels": SELECTOR}}


def test_the_disruption_budget_can_be_left_out() -> None:
    assert of_kind(render(values={"podDisruptionBudget": {"enabled": False}}), "PodDisruptionBudget") == []


def test_metrics_are_offered_when_asked_for() -> None:
    monitor = {"enabled": True, "interval": "30s", "labels": {"release": "prometheus"}}
    objects = render(values={"serviceMonitor": monitor})
    service, rendered = only(objects, "Service"), only(objects, "ServiceMonitor")
    assert service["spec"]["selector"] == SELECTOR
    assert service["spec"]["ports"][0]["name"] == rendered["spec"]["endpoints"][0]["port"] == "ops"
    assert rendered["spec"]["endpoints"][0] == {"port": "ops", "path": "/metrics", "interval": "30s"}
    assert SELECTOR.items() <= service["metadata"]["labels"].items()
    assert rendered["spec"]["selector"]["matchLabels"] == SELECTOR
    assert rendered["metadata"]["labels"]["release"] == "prometheus"


def test_the_metrics_port_can_be_closed_to_others() -> None:
    assert of_kind(render(), "NetworkPolicy") == []
    peers = [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}]
    spec = only(render(values={"networkPolicy": {"enabled": True, "from": peers}}), "NetworkPolicy")["spec"]
    assert spec["podSelector"]["matchLabels"] == SELECTOR
    assert spec["policyTypes"] == ["Ingress"]
    assert spec["ingress"] == [{"ports": [{"port": "ops", "protocol": "TCP"}], "from": peers}]
    open_to_all = only(render(values={"networkPolicy": {"enabled": True}}), "NetworkPolicy")["spec"]
    assert "from" not in open_to_all["ingress"][0]


def test_an_account_that_exists_is_used_and_not_made() -> None:
    objects = render(values={"serviceAccount": {"create": False, "name": "mine"}})
    assert of_kind(objects, "ServiceAccount") == []
    assert pod_spec(objects)["serviceAccountName"] == "mine"
    subjects = [subject for item in objects for subject in item.get("subjects", [])]
    assert {subject["name"] for subject in subjects} == {"mine"}


def test_an_account_can_have_annotations_and_another_name() -> None:
    values = {"serviceAccount": {"name": "mine", "annotations": {"cloud/role": "r"}}}
    account = only(render(values=values), "ServiceAccount")
    assert account["metadata"]["name"] == "mine"
    assert account["metadata"]["annotations"] == {"cloud/role": "r"}


@pytest.mark.parametrize(
    ("release", "values", "name"),
    [
        ("gagarin", {}, "gagarin-operator"),
        ("team-a", {}, "team-a-gagarin-operator"),
        ("my-gagarin", {}, "my-gagarin-operator"),
        ("team-a", {"nameOverride": "agents"}, "team-a-agents-operator"),
        ("team-a", {"fullnameOverride": "agents"}, "agents-operator"),
        ("r" * 53, {}, "r" * 46 + "-operator"),
    ],
)
def test_names_follow_the_release(release: str, values: Object, name: str) -> None:
    objects = render(release=release, values=values)
    assert only(objects, "Deployment")["metadata"]["name"] == name
    assert environment(objects)["GAGARIN_LEASE_NAME"] == name


@pytest.mark.parametrize("values", [{}, {"fullnameOverride": "r" * 63}])
def test_the_longest_release_still_has_names_that_a_service_can_have(values: Object) -> None:
    everything = {"serviceMonitor": {"enabled": True}, "gateway": {"enabled": True}}
    services = of_kind(render(release="r" * 53, values=everything | values), "Service")
    names = [item["metadata"]["name"] for item in services]
    assert len(set(names)) == 3
    assert max(map(len, names)) <= 63


def test_the_notes_name_the_deployment_and_the_next_step() -> None:
    told = notes("--api-versions", "gagarin.fyodorov.ai/v1alpha1")
    assert "serves all namespaces" in told
    assert "kubectl -n gagarin-system rollout status deployment/gagarin-operator" in told
    assert "kubectl -n NAMESPACE wait --for=condition=Ready instance/NAME" in told
    assert "WARNING" not in told


def test_the_notes_warn_when_the_definitions_are_missing() -> None:
    assert "WARNING: the custom resources are not installed yet" in notes()


def test_the_notes_name_the_namespaces_that_are_served() -> None:
    assert "serves the namespaces a, b." in notes(values={"watchNamespaces": ["a", "b"]})


def test_the_notes_say_what_uninstalling_leaves() -> None:
    left = "Uninstalling this release leaves every Provider, Model, Tool, Agent and Instance"
    assert left in notes()
    assert "answer nobody until it is installed again" in notes()
    assert "answer nobody" not in notes(values={"clusterRoles": {"create": False}})


def test_the_notes_say_where_the_roles_must_come_from() -> None:
    told = notes(values={"clusterRoles": {"create": False}})
    assert "the ClusterRole gagarin-instance has to come from another release" in told
