"""Who reaches the pods and what they reach: open where RBAC decides, closed for everything else."""

from __future__ import annotations

from typing import Any

import pytest

from gagarin.core.network import network_policy, service
from gagarin.core.objects import Object
from gagarin.core.settings import RenderSettings
from tests.unit.core import builders as a

SETTINGS = RenderSettings(image="img:1")
CERTIFICATE = a.secret("cert", **{"tls.crt": a.encoded(a.CERTIFICATE), "tls.key": "eA=="})


def policy(settings: RenderSettings = SETTINGS, **options: Any) -> Object:
    spec: dict[str, Any] = {"networkPolicy": options} if options else {}
    manifest = network_policy(a.resolved(a.instance(**spec), a.agent(), a.provider()), settings)
    found: Object = manifest["spec"]
    return found


def ports(rule: Object) -> set[tuple[str, int]]:
    return {(port["protocol"], port["port"]) for port in rule["ports"]}


def test_everybody_may_connect_to_the_chat_port_and_the_metrics_and_nothing_else() -> None:
    found = policy()
    assert found["policyTypes"] == ["Ingress"]
    assert [ports(rule) for rule in found["ingress"]] == [{("TCP", 8080)}, {("TCP", 8081)}]
    assert not any("from" in rule for rule in found["ingress"])
    assert found["podSelector"] == {"matchLabels": {"gagarin.fyodorov.ai/instance": "support"}}


def test_egress_that_is_said_to_be_open_is_open() -> None:
    assert policy(egress="Open") == policy()


def test_peers_narrow_the_chat_port_and_not_the_metrics() -> None:
    peers = [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "shop"}}}]
    options: dict[str, Any] = {"from": peers}
    chat, metrics = policy(**options)["ingress"]
    assert chat["from"] == peers
    assert "from" not in metrics


def test_restricted_pods_reach_names_and_the_api_server() -> None:
    found = policy(egress="Restricted")
    assert found["policyTypes"] == ["Ingress", "Egress"]
    names, api_server = found["egress"]
    assert ports(names) == {(protocol, port) for protocol in ("UDP", "TCP") for port in (53, 5353)}
    assert ports(api_server) == {("TCP", 443), ("TCP", 6443)}
    assert "to" not in names
    assert "to" not in api_server


def test_the_addresses_of_the_api_server_close_its_ports_elsewhere() -> None:
    settings = RenderSettings(image="img:1", api_server_cidrs=("10.96.0.1/32", "192.0.2.1/32"))
    _, api_server = policy(settings, egress="Restricted")["egress"]
    assert api_server["to"] == [{"ipBlock": {"cidr": "10.96.0.1/32"}}, {"ipBlock": {"cidr": "192.0.2.1/32"}}]


@pytest.mark.parametrize(
    ("peer", "rule"),
    [
        (
            {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}, "ports": [443, 80]},
            {
                "to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}],
                "ports": [{"protocol": "TCP", "port": 443}, {"protocol": "TCP", "port": 80}],
            },
        ),
        ({"podSelector": {}}, {"to": [{"podSelector": {}}]}),
    ],
    ids=["addresses and ports", "pods"],
)
def test_a_peer_is_let_through(peer: dict[str, Any], rule: dict[str, Any]) -> None:
    assert policy(egress="Restricted", egressPeers=[peer])["egress"][2:] == [rule]


def test_a_certificate_changes_the_port_of_the_service_and_not_that_of_the_pods() -> None:
    plain = service(a.resolved(a.instance(), a.agent(), a.provider()))["spec"]["ports"]
    secured = a.resolved(a.instance(tls={"secretName": "cert"}), a.agent(), a.provider(), CERTIFICATE)
    (port,) = service(secured)["spec"]["ports"]
    assert (port["name"], port["port"], port["targetPort"]) == ("https", 443, "chat")
    assert [(each["name"], each["port"], each["targetPort"]) for each in plain] == [("http", 80, "chat")]


def test_a_service_is_what_the_user_asks_for() -> None:
    options = {"type": "LoadBalancer", "annotations": {"example.com/internal": "true"}}
    manifest = service(a.resolved(a.instance(service=options), a.agent(), a.provider()))
    assert manifest["spec"]["type"] == "LoadBalancer"
    assert manifest["metadata"]["annotations"] == {"example.com/internal": "true"}
