"""Children that decide who reaches whom: the Service and the NetworkPolicy.

Who may chat is decided by RBAC, so by default everybody may connect to the chat port, and nobody to anything
but that and the metrics. Egress is open unless it is restricted. A NetworkPolicy cannot name the API server,
which pods must reach to verify callers: with `api_server_cidrs` it is those addresses, otherwise its usual
ports at any address. DNS is allowed at any address for the same reason; 5353 is the port of OpenShift's DNS
pods.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gagarin.core import names
from gagarin.core.children import child
from gagarin.core.containers import CHAT_PORT, OPS_PORT
from gagarin.core.objects import Object
from gagarin.core.resolved import Resolved
from gagarin.core.settings import RenderSettings

DNS_PORTS = (53, 5353)
API_SERVER_PORTS = (443, 6443)
# Parts of a peer that a NetworkPolicyPeer has by the same name.
_PEER = ("namespaceSelector", "podSelector", "ipBlock")


def service(resolved: Resolved) -> Object:
    """The Service of the chat port: 80, or 443 with a certificate."""
    manifest = child(resolved, "v1", "Service", resolved.config.name)
    if resolved.spec.service.annotations:
        manifest["metadata"]["annotations"] = resolved.spec.service.annotations
    scheme, port = ("https", 443) if resolved.config.tls else ("http", 80)
    manifest["spec"] = {
        "type": resolved.spec.service.type,
        "selector": names.selector(resolved.config.name),
        "ports": [
            {"name": scheme, "port": port, "targetPort": "chat", "protocol": "TCP", "appProtocol": scheme}
        ],
    }
    return manifest


def network_policy(resolved: Resolved, settings: RenderSettings) -> Object:
    """The NetworkPolicy of the pods."""
    options: dict[str, Any] = resolved.instance["spec"].get("networkPolicy") or {}
    peers = [_peer(each) for each in options.get("from") or ()]
    spec: Object = {
        "podSelector": {"matchLabels": names.selector(resolved.config.name)},
        "policyTypes": ["Ingress"],
        "ingress": [
            {"ports": _ports("TCP", (CHAT_PORT,))} | ({"from": peers} if peers else {}),
            {"ports": _ports("TCP", (OPS_PORT,))},
        ],
    }
    if options.get("egress") == "Restricted":
        spec["policyTypes"].append("Egress")
        spec["egress"] = _egress(options, settings)
    manifest = child(resolved, "networking.k8s.io/v1", "NetworkPolicy", resolved.config.name)
    return manifest | {"spec": spec}


def _egress(options: dict[str, Any], settings: RenderSettings) -> list[Object]:
    dns = {"ports": _ports("UDP", DNS_PORTS) + _ports("TCP", DNS_PORTS)}
    addresses = [{"ipBlock": {"cidr": cidr}} for cidr in settings.api_server_cidrs]
    api_server = {"ports": _ports("TCP", API_SERVER_PORTS)} | ({"to": addresses} if addresses else {})
    return [dns, api_server, *(_way_out(each) for each in options.get("egressPeers") or ())]


def _way_out(peer: dict[str, Any]) -> Object:
    ports = _ports("TCP", peer.get("ports") or ())
    return {"to": [_peer(peer)]} | ({"ports": ports} if ports else {})


def _peer(peer: dict[str, Any]) -> Object:
    return {name: peer[name] for name in _PEER if name in peer}


def _ports(protocol: str, numbers: Iterable[int]) -> list[Object]:
    return [{"protocol": protocol, "port": number} for number in numbers]
