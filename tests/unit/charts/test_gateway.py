"""The gateway's part of the chart: off by default, and with exactly the rights that it needs."""

from __future__ import annotations

import pytest

from gagarin.cli.standins import CERTIFICATE
from gagarin.gateway.settings import parse
from tests.unit.charts.rendering import Object, meets_restricted, of_kind, only, refusal, render

NAME = "gagarin-gateway"


def rendered(**values: object) -> list[Object]:
    return render(values={"gateway": {"enabled": True, **values}})


def added(**values: object) -> list[Object]:
    """What there is with the gateway and not without it."""
    without = render()
    return [item for item in rendered(**values) if item not in without]


def container(objects: list[Object]) -> Object:
    (found,) = only(objects, "Deployment", NAME)["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def test_it_is_off_by_default_and_adds_these_objects() -> None:
    assert not [item for item in render() if "gateway" in item["metadata"]["name"]]
    assert {(item["kind"], item["metadata"]["name"]) for item in added()} == {
        ("Deployment", NAME),
        ("Service", NAME),
        ("PodDisruptionBudget", NAME),
        ("ServiceAccount", NAME),
        ("Role", NAME),
        ("RoleBinding", NAME),
        ("ClusterRole", NAME),
        ("ClusterRoleBinding", f"{NAME}-chat"),
    }


def test_its_pods_are_restricted_and_selected_by_their_service_alone() -> None:
    objects = rendered()
    template = only(objects, "Deployment", NAME)["spec"]["template"]
    assert meets_restricted(template["spec"])
    selector = only(objects, "Service", NAME)["spec"]["selector"]
    assert selector == template["metadata"]["labels"]
    assert only(objects, "Deployment", "gagarin-operator")["spec"]["selector"]["matchLabels"] != selector


def test_its_rights_are_its_own_token_and_to_speak_for_others_at_instances() -> None:
    objects = rendered()
    assert only(objects, "Role", NAME)["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["serviceaccounts/token"],
            "resourceNames": [NAME],
            "verbs": ["create"],
        }
    ]
    assert only(objects, "ClusterRole", NAME)["rules"] == [
        {"apiGroups": ["gagarin.fyodorov.ai"], "resources": ["instances/chat"], "verbs": ["impersonate"]}
    ]
    bound = [
        item["metadata"]["name"]
        for item in objects
        if any(each["name"] == NAME for each in item.get("subjects", ()))
    ]
    assert sorted(bound) == [NAME, f"{NAME}-chat"]


@pytest.mark.parametrize(
    ("values", "namespaces"),
    [
        ({"gateway": {"enabled": True, "namespaces": ["a", "b"]}}, ["a", "b"]),
        ({"gateway": {"enabled": True}, "watchNamespaces": ["c"]}, ["c"]),
    ],
)
def test_it_speaks_for_others_in_the_namespaces_that_the_values_name(
    values: Object, namespaces: list[str]
) -> None:
    objects = render(values=values)
    bindings = [item for item in objects if item["metadata"]["name"] == f"{NAME}-chat"]
    assert [(item["kind"], item["metadata"]["namespace"]) for item in bindings] == [
        ("RoleBinding", namespace) for namespace in namespaces
    ]


def test_the_settings_are_what_the_program_takes() -> None:
    objects = rendered(
        defaultNamespace="team-a",
        corsOrigins=["https://a.example.com", "https://b.example.com"],
        caBundle=CERTIFICATE,
        tls={"secretName": "gateway-tls"},
        webPage=False,
    )
    environment = {item["name"]: item["value"] for item in container(objects)["env"]}
    settings = parse([], environment)
    assert settings.default_namespace == "team-a"
    assert settings.cors_origins == ("https://a.example.com", "https://b.example.com")
    assert settings.service_account == NAME
    assert not settings.web_page
    assert str(settings.instance_ca_file) == "/etc/gagarin/ca-bundle.pem"
    assert str(settings.tls_cert_file) == "/etc/gagarin-tls/tls.crt"
    assert str(settings.tls_key_file) == "/etc/gagarin-tls/tls.key"
    assert only(objects, "ConfigMap", NAME)["data"]["ca-bundle.pem"].strip() == CERTIFICATE.strip()
    pod = only(objects, "Deployment", NAME)["spec"]["template"]
    assert pod["spec"]["terminationGracePeriodSeconds"] > settings.drain_seconds + 5
    assert {variable.removeprefix("GAGARIN_") for variable in environment} == {
        "SERVICE_ACCOUNT",
        "DEFAULT_NAMESPACE",
        "LOG_LEVEL",
        "CORS_ORIGINS",
        "INSTANCE_CA_FILE",
        "TLS_CERT_FILE",
        "TLS_KEY_FILE",
        "WEB_PAGE",
    }


def test_with_a_certificate_it_speaks_https() -> None:
    objects = rendered(tls={"secretName": "gateway-tls"})
    spec = only(objects, "Deployment", NAME)["spec"]["template"]["spec"]
    assert spec["volumes"] == [{"name": "tls", "secret": {"secretName": "gateway-tls"}}]
    (mounted,) = container(objects)["volumeMounts"]
    assert mounted == {"name": "tls", "mountPath": "/etc/gagarin-tls", "readOnly": True}
    (port,) = only(objects, "Service", NAME)["spec"]["ports"]
    assert port["appProtocol"] == "https"
    (port,) = only(rendered(), "Service", NAME)["spec"]["ports"]
    assert port["appProtocol"] == "http"


def test_it_has_the_labels_annotations_and_variables_that_the_values_name() -> None:
    variable = {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://collector:4318"}
    objects = rendered(
        podLabels={"team": "a"}, podAnnotations={"note": "b"}, extraEnv=[variable], caBundle=CERTIFICATE
    )
    deployment = only(objects, "Deployment", NAME)
    metadata = deployment["spec"]["template"]["metadata"]
    assert metadata["labels"] == {**deployment["spec"]["selector"]["matchLabels"], "team": "a"}
    assert metadata["annotations"].keys() == {"note", "gagarin.fyodorov.ai/settings"}
    assert variable in container(objects)["env"]


def test_an_autoscaler_takes_the_place_of_the_number_of_pods() -> None:
    assert only(rendered(replicas=3), "Deployment", NAME)["spec"]["replicas"] == 3
    objects = rendered(autoscaling={"enabled": True, "maxReplicas": 5})
    assert "replicas" not in only(objects, "Deployment", NAME)["spec"]
    spec = only(objects, "HorizontalPodAutoscaler", NAME)["spec"]
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME}
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 5)
    assert spec["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 80}


def test_its_metrics_are_scraped_by_the_switch_of_the_operators() -> None:
    monitored = {"enabled": True, "interval": "15s", "labels": {"release": "prometheus"}}
    assert of_kind(render(values={"serviceMonitor": monitored}), "ServiceMonitor")
    objects = render(values={"serviceMonitor": monitored, "gateway": {"enabled": True}})
    monitor = only(objects, "ServiceMonitor", NAME)
    service = only(objects, "Service", f"{NAME}-metrics")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint == {"port": "ops", "path": "/metrics", "interval": "15s"}
    (port,) = service["spec"]["ports"]
    assert (port["name"], port["targetPort"]) == ("ops", "ops")
    assert service["spec"]["selector"] == only(objects, "Service", NAME)["spec"]["selector"]
    assert (
        only(objects, "ServiceMonitor", "gagarin-operator")["spec"]["selector"] != monitor["spec"]["selector"]
    )


def test_a_drained_node_and_a_rollout_leave_a_pod_that_answers() -> None:
    objects = rendered()
    budget = only(objects, "PodDisruptionBudget", NAME)["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"]["matchLabels"] == only(objects, "Service", NAME)["spec"]["selector"]
    assert only(objects, "Deployment", NAME)["spec"]["replicas"] == 2
    assert container(objects)["lifecycle"]["preStop"]["sleep"]["seconds"] == 5
    probes = {container(objects)[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness")}
    assert probes == {"/healthz"}
    assert container(objects)["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "ops"}
    assert container(objects)["resources"].keys() == {"requests", "limits"}


def test_a_network_policy_narrows_the_api_and_leaves_the_probes() -> None:
    sources = [{"namespaceSelector": {"matchLabels": {"team": "a"}}}]
    policy = only(rendered(networkPolicy={"enabled": True, "from": sources}), "NetworkPolicy", NAME)
    assert policy["spec"]["ingress"] == [
        {"ports": [{"port": "http", "protocol": "TCP"}], "from": sources},
        {"ports": [{"port": "ops", "protocol": "TCP"}]},
    ]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"cors": {}}, "additional properties 'cors' not allowed"),
        ({"corsOrigins": ["https://a.example.com/path"]}, "at '/gateway/corsOrigins/0'"),
        ({"defaultNamespace": ""}, "at '/gateway/defaultNamespace'"),
        ({"namespaces": ["A"]}, "at '/gateway/namespaces/0'"),
        ({"service": {"port": 0}}, "at '/gateway/service/port'"),
        ({"caBundle": "not PEM"}, "at '/gateway/caBundle'"),
        ({"tls": {"secretName": "No Name"}}, "at '/gateway/tls/secretName'"),
        (
            {"enabled": True, "extraEnv": [{"name": "GAGARIN_PORT"}]},
            "GAGARIN_PORT is one of the gateway's own settings",
        ),
        ({"autoscaling": {"enabled": True, "minReplicas": 0}}, "at '/gateway/autoscaling/minReplicas'"),
        ({"enabled": True, "autoscaling": {"enabled": True, "maxReplicas": 1}}, "less than minReplicas"),
    ],
)
def test_a_wrong_value_is_refused_with_its_path(values: Object, said: str) -> None:
    assert said in refusal({"gateway": values})
