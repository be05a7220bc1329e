"""What a node has outside its namespaces: one bridge, one cable a node, routes, cgroup folders, mount points.

All of it survives the node's sudden death, so everything here can be called in any state: making takes over
what is there already, and sweeping removes only what carries the cluster's own names.
"""

import json
from collections.abc import Iterable, Iterator
from functools import partial
from ipaddress import IPv4Network
from pathlib import Path

from hack.cluster.errors import ClusterError
from hack.cluster.processes import run, succeeds, wait_until
from hack.cluster.settings import Node, Settings

CGROUPS = Path("/sys/fs/cgroup")
# Folders of the system that the node's programs write to by a fixed path: the node mounts its own ones there.
PRIVATE = ("/var/lib/kubelet", "/var/lib/cni", "/var/log/pods", "/var/log/containers")


def check_routes(settings: Settings) -> None:
    """ClusterError when some other network of this machine uses the cluster's addresses."""
    routes = json.loads(run("ip", "-json", "-4", "route", "show"))
    other = [route["dst"] for route in routes if route.get("dev") != settings.bridge]
    for taken in overlaps(other, (settings.node_range, settings.pod_range, settings.service_range)):
        raise ClusterError(
            f"the network {taken} of this machine overlaps the cluster's; end what uses it first"
        )


def overlaps(destinations: Iterable[str], ranges: Iterable[IPv4Network]) -> Iterator[str]:
    """The destinations of `ip route` that share addresses with one of the ranges."""
    wanted = list(ranges)
    for destination in destinations:
        if destination != "default" and any(IPv4Network(destination).overlaps(range_) for range_ in wanted):
            yield destination


def attach(settings: Settings, node: Node, pid: int) -> None:
    """Connect the network namespace of process `pid`; the node itself gives its end an address."""
    if not _has(settings.bridge):
        run("ip", "link", "add", settings.bridge, "type", "bridge")
    run(
        "ip", "addr", "replace", f"{settings.gateway}/{settings.node_range.prefixlen}", "dev", settings.bridge
    )
    run("ip", "link", "set", settings.bridge, "up")
    run("ip", "link", "add", node.link, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
    run("ip", "link", "set", node.link, "master", settings.bridge, "up")
    for destination in _destinations(settings, node):
        run("ip", "route", "replace", destination, "via", str(node.address))


def is_attached(node: Node) -> bool:
    return _has(node.link)


def detach(settings: Settings, node: Node) -> None:
    """Remove a dead node's cable and routes."""
    # The kernel would remove it, too, but not before the last of its connections has timed out.
    succeeds("ip", "link", "delete", node.link)
    wait_until(lambda: not _has(node.link), f"the end of {node.link}", seconds=5)
    for destination in _destinations(settings, node):
        succeeds("ip", "route", "delete", destination, "via", str(node.address))


def remove_bridge(settings: Settings) -> None:
    succeeds("ip", "link", "delete", settings.bridge)


def make_cgroups(node: Node, top: Path = CGROUPS) -> None:
    """The part of the tree that a node's kubelet keeps to: it must be there before the kubelet is."""
    if (top / "cgroup.controllers").exists():
        for controller in (top / "cgroup.controllers").read_text().split():
            _try_write(top / "cgroup.subtree_control", f"+{controller}")
    for folder in cgroup_folders(node.cgroup, top):
        folder.mkdir(exist_ok=True)
    for name in ("cpuset.cpus", "cpuset.mems"):  # version 1 does not inherit these
        own = top / "cpuset" / node.cgroup / name
        if own.exists():
            own.write_text((top / "cpuset" / name).read_text())


def sweep_cgroups(node: Node, top: Path = CGROUPS) -> None:
    """Remove the node's part of the tree, leaves first; the processes in it are dead or dying."""
    for folder in cgroup_folders(node.cgroup, top):
        wait_until(partial(_removed, folder), f"the end of the processes in {folder}", seconds=10)


def cgroup_folders(name: str, top: Path) -> list[Path]:
    """Where a cgroup of that name is: one folder in version 2, one in each hierarchy in version 1."""
    if (top / "cgroup.controllers").exists():
        return [top / name]
    return [
        hierarchy / name
        for hierarchy in sorted(top.iterdir())
        if hierarchy.is_dir() and not hierarchy.is_symlink()
    ]


def make_mount_points() -> None:
    for folder in PRIVATE:
        Path(folder).mkdir(parents=True, exist_ok=True)


def sweep_mount_points() -> None:
    """Remove those that hold nothing: on a machine with a Kubernetes of its own they do."""
    for folder in PRIVATE:
        path = Path(folder)
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _destinations(settings: Settings, node: Node) -> list[str]:
    """The host reaches a node's pods through the node, and Services through the first one."""
    return [str(node.pods), *([str(settings.service_range)] if node.controls else [])]


def _has(link: str) -> bool:
    return Path("/sys/class/net", link).exists()


def _try_write(file: Path, text: str) -> None:
    try:
        file.write_text(text)
    except OSError:
        return  # a controller that cannot be handed down; the kubelet names it if it needs it


def _removed(folder: Path) -> bool:
    if not folder.exists():
        return True
    for inner in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        _try_remove(inner)
    _try_remove(folder)
    return not folder.exists()


def _try_remove(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # busy for another moment: wait_until comes again
