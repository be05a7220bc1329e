"""The configuration files of a node, rendered from the settings: values in, text out.

JSON where a program reads YAML (it is a part of YAML), so that nothing here depends on a YAML library.
"""

import base64
import json
from pathlib import Path

from hack.cluster import keys
from hack.cluster.settings import Node, Settings

PAUSE = "gagarin.local/pause"
CONTAINERD = """version = 2
root = "{root}"
state = "/run/containerd"
[grpc]
address = "/run/containerd/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
path = "{root}/opt"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
# Without CAP_SYS_RESOURCE nobody may lower oom_score_adj, and no container would start.
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{cni}"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
"""


def pause_image(settings: Settings) -> str:
    return f"{PAUSE}:{settings.versions['pause']}"


def files(settings: Settings, node: Node) -> dict[Path, str]:
    """Every file that the programs of one node read: path -> text."""
    folder = node.folder / "config"
    names = ("proxy", "netpol", *(("controller-manager", "scheduler", "volumes") if node.controls else ()))
    identities = {"kubelet": keys.kubelet(node), **{name: name for name in names}}
    return {
        folder / "cni" / "10-pods.conflist": cni(node),
        folder / "containerd.toml": containerd(settings, node),
        folder / "kubelet.yaml": kubelet(settings, node),
        **{folder / f"{name}.kubeconfig": kubeconfig(settings, key) for name, key in identities.items()},
    }


def kubeconfig(settings: Settings, key: str) -> str:
    """A client's configuration with everything embedded, so that the file can be copied away."""

    def embedded(name: str) -> str:
        return base64.b64encode((settings.keys / name).read_bytes()).decode()

    cluster = {"server": settings.api_url, "certificate-authority-data": embedded("ca.crt")}
    user = {"client-certificate-data": embedded(f"{key}.crt"), "client-key-data": embedded(f"{key}.key")}
    return _json(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "gagarin", "cluster": cluster}],
            "users": [{"name": key, "user": user}],
            "contexts": [{"name": "gagarin", "context": {"cluster": "gagarin", "user": key}}],
            "current-context": "gagarin",
        }
    )


def cni(node: Node) -> str:
    """Pods on one bridge of the node. Nothing is masqueraded: nodes and host route the pods' addresses."""
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": str(node.pods)}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": str(node.folder / "cni"),
    }
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": False, "hairpinMode": True}
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return _json({"cniVersion": "0.4.0", "name": "pods", "plugins": [{**bridge, "ipam": addresses}, ports]})


def containerd(settings: Settings, node: Node) -> str:
    values = {"root": node.folder / "containerd", "cni": node.folder / "config" / "cni"}
    return CONTAINERD.format(**values, pause=pause_image(settings))


def kubelet(settings: Settings, node: Node) -> str:
    return _json(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(settings.keys / "ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "cgroupDriver": "cgroupfs",
            # Nodes share one tree of cgroups: each kubelet keeps to its own part of it.
            "cgroupRoot": f"/{node.cgroup}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "clusterDNS": [str(settings.dns_service)],
            "clusterDomain": "cluster.local",
            "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
            # The disk is the developer's: a full one must not evict pods or delete images.
            "evictionHard": {"imagefs.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%"},
            "imageGCHighThresholdPercent": 100,
            "resolvConf": "",
            "maxPods": 250,
        }
    )


def _json(value: object) -> str:
    return json.dumps(value, indent=1) + "\n"
