"""Nodes of our own on this machine: start them, wait for them, end them, leave nothing of them.

A node lives in namespaces of its own under one process (init.py), so ending that process ends the node. What
a dead node leaves outside (host.py) is swept before the next start, however it died. Objects are not kept:
every start begins with an empty etcd, which is quicker and the same every time.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from hack.cluster import archives, configs, host, keys, kubectl
from hack.cluster.errors import ClusterError
from hack.cluster.lives import Life
from hack.cluster.processes import succeeds, wait_until
from hack.cluster.settings import REPOSITORY, Node, Settings

UNSHARE = ("unshare", "--net", "--mount", "--pid", "--uts", "--fork", "--kill-child")
TRANSIENT = ("config", "etcd", "cni", "var", "volumes", "logs", "life")  # the image store and its marks stay
READY_SECONDS = 120
INIT = "hack.cluster.init"


def up(settings: Settings, count: int, programs: Path) -> None:
    """Nodes 1 to `count` are Ready when this returns; those that run already are left alone."""
    wanted = [settings.node(number) for number in range(1, count + 1)]
    # Without its cable it is one whose start was cut off.
    absent = [node for node in wanted if not (is_up(node) and host.is_attached(node))]
    if wanted[0] in absent:  # without a control plane the others are of no use
        down(settings)
        absent = wanted
    if absent:
        _prepare(settings, programs)
    for node in absent:
        if wanted[0] not in absent:  # its object may be there from a former life, and still say Ready
            kubectl.call(settings, "delete", "node", node.name, "--ignore-not-found")
        _start(settings, node, programs)
    _wait(settings, wanted)


def down(settings: Settings, purge: bool = False) -> None:
    """End every node and remove what it left on the host; `purge` also drops keys and images."""
    for pid in strangers(settings):
        raise ClusterError(f"process {pid} is a node of another state folder; `kill -9 {pid}` ends it")
    for node in settings.nodes():
        _end(settings, node)
    host.remove_bridge(settings)
    host.sweep_mount_points()
    if purge:
        shutil.rmtree(settings.state, ignore_errors=True)


def is_up(node: Node) -> bool:
    life = Life.read(node.folder / "life")
    return life is not None and life.goes_on()


def running(settings: Settings) -> list[Node]:
    return [node for node in settings.nodes() if is_up(node)]


def import_images(settings: Settings) -> None:
    """Bring the archives that came since they started to the nodes that run."""
    for node in running(settings):
        archives.import_missing(settings, node, enter(node))


def strangers(settings: Settings) -> Iterator[int]:
    """Running nodes that are none of ours: the addresses are the same for every user."""
    lives = [Life.read(node.folder / "life") for node in settings.nodes()]
    ours = {life.pid for life in lives if life is not None}
    for folder in Path("/proc").glob("[0-9]*"):
        if int(folder.name) not in ours and _arguments(folder)[1:3] == ["-m", INIT]:
            yield int(folder.name)


def enter(node: Node) -> tuple[str, ...]:
    """The command that runs another one inside the node."""
    life = Life.read(node.folder / "life")
    if life is None:
        raise ClusterError(f"{node.name} is not up")
    return ("nsenter", "--target", str(life.pid), "--mount", "--net", "--pid", "--uts")


def ready(settings: Settings, wanted: Iterable[Node]) -> bool:
    """Whether the API server says so of each node, and has made what a first pod needs."""
    found = kubectl.answer(settings, "get", "nodes", "-o", "json")
    if found is None or not {node.name for node in wanted} <= ready_names(found):
        return False
    return kubectl.answer(settings, "get", "serviceaccount", "default", "-o", "name") is not None


def ready_names(listed: str) -> set[str]:
    """The names of the nodes that take pods, in the JSON of `kubectl get nodes`.

    Ready is not enough: the taint of a node that is not goes a moment later, and a pod that comes in between
    is not tried again for a second.
    """
    return {node["metadata"]["name"] for node in json.loads(listed)["items"] if _takes_pods(node)}


def _prepare(settings: Settings, programs: Path) -> None:
    host.check_routes(settings)
    host.make_mount_points()
    # Both may be built into the kernel or be loaded already; what really lacks shows when containers start.
    succeeds("modprobe", "-a", "overlay", "br_netfilter")
    archives.ensure_static(settings, configs.pause_image(settings), programs / "pause")
    keys.ensure(settings)
    _write(settings.kubeconfig, configs.kubeconfig(settings, "admin"))


def _start(settings: Settings, node: Node, programs: Path) -> None:
    _end(settings, node)
    keys.ensure_node(settings, node)
    for file, text in configs.files(settings, node).items():
        _write(file, text)
    host.make_cgroups(node)
    command = [*UNSHARE, sys.executable, "-m", INIT, str(node.number), str(programs)]
    with (node.folder / "init.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    begun = partial(_has_begun, node, process)
    wait_until(begun, f"the start of {node.name}", seconds=30, interval=0.01)
    life = Life.read(node.folder / "life")
    if life is None or not life.goes_on():
        raise ClusterError(_died(node))
    host.attach(settings, node, life.pid)


def _has_begun(node: Node, process: subprocess.Popen[bytes]) -> bool:
    return is_up(node) or process.poll() is not None


def _end(settings: Settings, node: Node) -> None:
    life = Life.read(node.folder / "life")
    if life is not None:
        life.end()
    host.detach(settings, node)
    host.sweep_cgroups(node)
    for name in TRANSIENT:
        path = node.folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _write(file: Path, text: str) -> None:
    """Written for root only: a kubeconfig holds a key."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f"{file.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    fresh.replace(file)


def _takes_pods(node: dict[str, Any]) -> bool:
    conditions = {
        condition["type"]: condition["status"] for condition in node["status"].get("conditions", [])
    }
    return conditions.get("Ready") == "True" and not node["spec"].get("taints")


def _wait(settings: Settings, wanted: list[Node]) -> None:
    def settled() -> bool:
        return ready(settings, wanted) or not all(is_up(node) for node in wanted)

    try:
        wait_until(settled, "the Ready condition", seconds=READY_SECONDS, interval=0.1)
    except ClusterError as error:
        raise ClusterError(f"{error}; the logs are in {wanted[0].folder / 'logs'}") from error
    for node in wanted:
        if not is_up(node):
            raise ClusterError(_died(node))


def _arguments(process: Path) -> list[str]:
    try:
        return (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []  # ended meanwhile


def _died(node: Node) -> str:
    lines = (node.folder / "init.log").read_text(errors="replace").splitlines()[-10:]
    return "\n    ".join([f"{node.name} died; its last words, from {node.folder / 'init.log'}:", *lines])
