"""The command lines of a node's programs: values in, lists of arguments out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hack.cluster.settings import Node, Settings

ISSUER = "https://kubernetes.default.svc.cluster.local"
ETCD = "http://127.0.0.1:2379"


@dataclass(frozen=True)
class Component:
    name: str  # also the name of its log
    command: list[str]


def control_plane(settings: Settings, node: Node, binaries: Path) -> list[Component]:
    """In the order to start them; all but etcd retry until the one before answers."""
    return [
        _component(
            "etcd",
            binaries / "etcd",
            {
                "data-dir": node.folder / "etcd",
                "listen-client-urls": ETCD,
                "advertise-client-urls": ETCD,
                "listen-peer-urls": "http://127.0.0.1:2380",
            },
            "--unsafe-no-fsync",  # every `up` begins with an empty store, so there is nothing to lose
        ),
        _component("kube-apiserver", binaries / "kube-apiserver", _api_server(settings, node)),
        _component(
            "kube-controller-manager", binaries / "kube-controller-manager", _controllers(settings, node)
        ),
        _component("kube-scheduler", binaries / "kube-scheduler", _scheduler(settings, node)),
        _component("volumes", binaries / "volumes", _volumes(node)),
    ]


def containerd(node: Node) -> Component:
    return Component(
        "containerd", ["containerd", "--config", str(node.folder / "config" / "containerd.toml")]
    )


def worker(settings: Settings, node: Node, binaries: Path) -> list[Component]:
    config = node.folder / "config"
    kubelet = {
        "config": config / "kubelet.yaml",
        "kubeconfig": config / "kubelet.kubeconfig",
        "hostname-override": node.name,
        "node-ip": node.address,
    }
    proxy = {
        "kubeconfig": config / "proxy.kubeconfig",
        "cluster-cidr": settings.pod_range,
        "proxy-mode": "iptables",
        "hostname-override": node.name,
        "conntrack-max-per-core": 0,  # the table is the host's: leave its size alone
    }
    netpol = {"kubeconfig": config / "netpol.kubeconfig", "node": node.name}
    return [
        _component("kubelet", binaries / "kubelet", kubelet),
        _component("kube-proxy", binaries / "kube-proxy", proxy),
        _component("netpol", binaries / "netpol", netpol),
    ]


def _api_server(settings: Settings, node: Node) -> Mapping[str, object]:
    keys = settings.keys
    return {
        "etcd-servers": ETCD,
        "secure-port": 6443,
        "bind-address": "0.0.0.0",
        "advertise-address": node.address,
        "tls-cert-file": keys / "apiserver.crt",
        "tls-private-key-file": keys / "apiserver.key",
        "client-ca-file": keys / "ca.crt",
        "kubelet-client-certificate": keys / "apiserver-kubelet-client.crt",
        "kubelet-client-key": keys / "apiserver-kubelet-client.key",
        "kubelet-preferred-address-types": "InternalIP",
        # The issuer as kubeadm sets it, and its keys at the same host instead of the node's address.
        "service-account-issuer": ISSUER,
        "service-account-jwks-uri": f"{ISSUER}/openid/v1/jwks",
        "service-account-key-file": keys / "tokens.pub",
        "service-account-signing-key-file": keys / "tokens.key",
        "requestheader-client-ca-file": keys / "front-proxy-ca.crt",
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-username-headers": "X-Remote-User",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "proxy-client-cert-file": keys / "front-proxy.crt",
        "proxy-client-key-file": keys / "front-proxy.key",
        "enable-aggregator-routing": "true",
        "service-cluster-ip-range": settings.service_range,
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "allow-privileged": "true",
        "profiling": "false",
    }


def _controllers(settings: Settings, node: Node) -> Mapping[str, object]:
    keys = settings.keys
    return {
        "kubeconfig": node.folder / "config" / "controller-manager.kubeconfig",
        "service-account-private-key-file": keys / "tokens.key",
        "root-ca-file": keys / "ca.crt",
        "cluster-signing-cert-file": keys / "ca.crt",
        "cluster-signing-key-file": keys / "ca.key",
        "use-service-account-credentials": "true",
        "leader-elect": "false",
        "horizontal-pod-autoscaler-sync-period": "5s",
        **_rate(settings),
    }


def _scheduler(settings: Settings, node: Node) -> Mapping[str, object]:
    kubeconfig = node.folder / "config" / "scheduler.kubeconfig"
    return {"kubeconfig": kubeconfig, "leader-elect": "false", **_rate(settings)}


def _volumes(node: Node) -> Mapping[str, object]:
    return {"kubeconfig": node.folder / "config" / "volumes.kubeconfig", "folder": node.folder / "volumes"}


def _rate(settings: Settings) -> Mapping[str, object]:
    """Upstream's 20 requests a second would be most of a fresh node's start."""
    return {"kube-api-qps": settings.api_rate, "kube-api-burst": settings.api_rate}


def _component(name: str, program: Path, options: Mapping[str, object], *flags: str) -> Component:
    return Component(name, [str(program), *(f"--{key}={value}" for key, value in options.items()), *flags])
