"""Names, addresses and paths of the local cluster: one frozen value that everything else is given.

All state lives under one folder of the user's cache, the Kubernetes of this machine included, so that
removing that folder after `down` forgets everything. Nothing is ever written to ~/.kube.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from hack.cluster.errors import ClusterError

MOST_NODES = 9
SOURCE = Path(__file__).resolve().parent
REPOSITORY = SOURCE.parents[1]
NODE_RANGE = IPv4Network("10.123.0.0/24")
POD_RANGE = IPv4Network("10.244.0.0/16")
SERVICE_RANGE = IPv4Network("10.96.0.0/16")


@dataclass(frozen=True)
class Node:
    """One machine of the cluster: what it is called, where it is reached, where its files are."""

    number: int  # from 1; number 1 also runs the control plane
    name: str
    address: IPv4Address
    pods: IPv4Network
    folder: Path

    @property
    def link(self) -> str:
        """The host's end of the cable into the node."""
        return f"gag-n{self.number}"

    @property
    def cgroup(self) -> str:
        return f"gagarin-n{self.number}"

    @property
    def controls(self) -> bool:
        return self.number == 1


@dataclass(frozen=True)
class Settings:
    cache: Path  # outlives every cluster: built binaries
    state: Path  # keys, etcd, image stores, logs
    versions: Mapping[str, str]
    api_rate: int = 300  # client limit (requests a second) of the controller manager and the scheduler
    bridge: str = "gag0"
    node_range: IPv4Network = NODE_RANGE
    pod_range: IPv4Network = POD_RANGE
    service_range: IPv4Network = SERVICE_RANGE

    @property
    def gateway(self) -> IPv4Address:
        """The host's address on the bridge."""
        return self.node_range[1]

    @property
    def api_service(self) -> IPv4Address:
        return self.service_range[1]

    @property
    def dns_service(self) -> IPv4Address:
        return self.service_range[10]

    @property
    def api_url(self) -> str:
        return f"https://{self.node(1).address}:6443"

    @property
    def keys(self) -> Path:
        return self.state / "keys"

    @property
    def kubeconfig(self) -> Path:
        return self.state / "kubeconfig"

    @property
    def kind_kubeconfig(self) -> Path:
        return self.cache / "kind" / "kubeconfig"

    @property
    def images(self) -> Path:
        """Archives that every node imports."""
        return self.state / "images"

    def node(self, number: int) -> Node:
        return Node(
            number=number,
            name="gagarin-node" if number == 1 else f"gagarin-node{number}",
            address=self.node_range[number + 1],
            pods=list(self.pod_range.subnets(new_prefix=24))[number - 1],
            folder=self.state / f"n{number}",
        )

    def nodes(self) -> list[Node]:
        """Every node that there can be, in order."""
        return [self.node(number) for number in range(1, MOST_NODES + 1)]


def read(env: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this user. A bad value names its variable."""
    home = env.get("XDG_CACHE_HOME") or Path(env.get("HOME") or Path.home(), ".cache")
    cache = Path(home).absolute() / "gagarin"
    return Settings(cache=cache, state=cache / "node", versions=versions(), api_rate=_rate(env))


def versions() -> Mapping[str, str]:
    return tomllib.loads((SOURCE / "versions.toml").read_text())


def _rate(env: Mapping[str, str]) -> int:
    value = env.get("CLUSTER_API_RATE", "300")
    if not value.isdecimal() or int(value) == 0:
        raise ClusterError(f"CLUSTER_API_RATE is {value!r}; it must be a whole number of requests a second")
    return int(value)
