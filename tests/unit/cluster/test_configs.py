"""Configs and components: what the files and command lines of a node say."""

import base64
import json
from pathlib import Path

import pytest

from hack.cluster import components, configs, keys, settings
from hack.cluster.settings import Settings


@pytest.fixture
def values(tmp_path: Path) -> Settings:
    """Settings whose key files hold their own names."""
    made = settings.read({"XDG_CACHE_HOME": str(tmp_path), "CLUSTER_API_RATE": "20"})
    made.keys.mkdir(parents=True)
    for name in ("ca", *keys.SUBJECTS, keys.kubelet(made.node(1)), keys.kubelet(made.node(2))):
        (made.keys / f"{name}.crt").write_text(f"{name} certificate")
        (made.keys / f"{name}.key").write_text(f"{name} key")
    return made


def test_a_kubeconfig_embeds_its_keys(values: Settings) -> None:
    config = json.loads(configs.kubeconfig(values, "admin"))
    user = config["users"][0]["user"]
    assert config["clusters"][0]["cluster"]["server"] == "https://10.123.0.2:6443"
    assert base64.b64decode(user["client-key-data"]) == b"admin key"
    assert config["current-context"] == config["contexts"][0]["name"]


def test_the_first_node_has_the_control_planes_files_too(values: Settings) -> None:
    first = {path.name for path in configs.files(values, values.node(1))}
    common = {"kubelet.kubeconfig", "proxy.kubeconfig", "netpol.kubeconfig", "containerd.toml"}
    assert {*common, "scheduler.kubeconfig", "volumes.kubeconfig"} <= first
    second = {path.name for path in configs.files(values, values.node(2))}
    assert common <= second
    assert not {"scheduler.kubeconfig", "volumes.kubeconfig"} & second


def test_a_kubelet_keeps_to_its_own_cgroup(values: Settings) -> None:
    config = json.loads(configs.kubelet(values, values.node(2)))
    assert config["cgroupRoot"] == "/gagarin-n2"
    assert config["clusterDNS"] == ["10.96.0.10"]


def test_each_node_gives_its_pods_addresses_of_its_own(values: Settings) -> None:
    config = json.loads(configs.cni(values.node(2)))
    assert config["plugins"][0]["ipam"]["ranges"] == [[{"subnet": "10.244.1.0/24"}]]


def test_containerd_keeps_its_images_with_the_node(values: Settings) -> None:
    text = configs.containerd(values, values.node(1))
    assert f'root = "{values.state}/n1/containerd"' in text
    assert f'sandbox_image = "gagarin.local/pause:{values.versions["pause"]}"' in text


def test_the_control_plane_starts_with_its_store(values: Settings) -> None:
    plane = components.control_plane(values, values.node(1), Path("/bin"))
    names = [component.name for component in plane]
    assert names == ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "volumes"]
    assert plane[1].command[0] == "/bin/kube-apiserver"
    assert f"--service-account-issuer={components.ISSUER}" in plane[1].command


def test_every_node_guards_its_own_pods(values: Settings) -> None:
    node = values.node(2)
    (netpol,) = (one for one in components.worker(values, node, Path("/bin")) if one.name == "netpol")
    assert netpol.command == [
        "/bin/netpol",
        f"--kubeconfig={node.folder}/config/netpol.kubeconfig",
        "--node=gagarin-node2",
    ]


def test_the_client_limit_reaches_the_controllers(values: Settings) -> None:
    plane = components.control_plane(values, values.node(1), Path("/bin"))
    assert "--kube-api-qps=20" in plane[2].command
    assert "--kube-api-qps=20" in plane[3].command


def test_the_api_server_is_called_by_every_usual_name(values: Settings) -> None:
    names = set(keys.api_names(values))
    assert {"DNS:kubernetes.default.svc", "DNS:kubernetes.default.svc.cluster.local"} <= names
    assert {"IP:10.96.0.1", "IP:10.123.0.2", "IP:127.0.0.1"} <= names
