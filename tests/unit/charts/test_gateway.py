"""The gateway's part of the chart: off by default, and with exactly the rights that it needs."""

from __future__ import annotations

import pytest

from gagarin.cli.standins import CERTIFICATE
from gagarin.gateway.settings import parse
from tests.unit.charts.rendering import Object, meets_restricted, only, refusal, render

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
    )
    environment = {item["name"]: item["value"] for item in container(objects)["env"]}
    settings = parse([], environment)
    assert settings.default_namespace == "team-a"
    assert settings.cors_origins == ("https://a.example.com", "https://b.example.com")
    assert settings.service_account == NAME
    assert str(settings.instance_ca_file) == "/etc/gagarin/ca-bundle.pem"
    assert only(objects, "ConfigMap", NAME)["data"]["ca-bundle.pem"].strip() == CERTIFICATE.strip()
    pod = only(objects, "Deployment", NAME)["spec"]["template"]
    assert pod["spec"]["terminationGracePeriodSeconds"] > settings.drain_seconds + 5
    assert {variable.removeprefix("GAGARIN_") for variable in environment} == {
        "SERVICE_ACCOUNT",
        "DEFAULT_NAMESPACE",
        "LOG_LEVEL",
        "CORS_ORIGINS",
        "INSTANCE_CA_FILE",
    }


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
    ],
)
def test_a_wrong_value_is_refused_with_its_path(values: Object, said: str) -> None:
    assert said in refusal({"gateway": values})
