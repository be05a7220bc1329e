"""The commands `up`, `down` and `kubeconfig`, whichever kind of cluster is in use."""

import os
import shutil
from pathlib import Path

from hack.cluster import addons, binaries, kind, machine, nodes, ways
from hack.cluster.errors import ClusterError
from hack.cluster.processes import run
from hack.cluster.progress import say, step
from hack.cluster.settings import Settings
from hack.cluster.ways import Way


def up(settings: Settings, count: int, metrics: bool = False) -> str:
    """Make what is missing; returns what a user does next. `metrics`: with a metrics-server, too."""
    way = ways.current(settings)
    match way:
        case Way.EXISTING:
            return f"using the current context: {_context()}"
        case Way.KIND:
            ways.remember(settings, way)
            kind.up(settings, count)
            if metrics:
                _measure_kind(settings)
        case Way.NODE:
            ways.remember(settings, way)
            _up(settings, count, metrics)
    return f"the cluster is up: export KUBECONFIG={kubeconfig(settings, way)}"


def down(settings: Settings, purge: bool) -> None:
    """End whatever `up` made here; an existing cluster is not ours to end."""
    if os.environ.get("CLUSTER") == Way.EXISTING:
        say("CLUSTER=existing: that cluster is left as it is")
        return
    way = ways.remembered(settings)
    if way is Way.KIND:
        kind.down(settings)
    elif machine.is_linux_root():  # even without a state folder: what may be left has known names
        nodes.down(settings, purge)
    ways.forget(settings)
    say("the cluster is down")


def kubeconfig(settings: Settings, way: Way) -> Path:
    match way:
        case Way.KIND:
            return settings.kind_kubeconfig
        case Way.NODE:
            return settings.kubeconfig
        case Way.EXISTING:
            return Path(os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")


def check_node(settings: Settings) -> None:
    """Have what a node and its images need of this machine; ClusterError says what is missing."""
    lacks = machine.obstacles(settings)
    if lacks:
        raise ClusterError("\n".join(["the node cannot be made:", *(f"  - {reason}" for reason in lacks)]))
    machine.install(machine.NEEDS, settings.state / "apt.log")


def _up(settings: Settings, count: int, metrics: bool) -> None:
    check_node(settings)
    addons.prepare(settings, addons.DNS + (addons.METRICS if metrics else ()))
    programs = binaries.folder(settings, binaries.NODE)
    with step(f"nodes Ready: {count}"):
        nodes.up(settings, count, programs)
    nodes.import_images(settings)
    with step("cluster DNS"):
        addons.deploy(settings)
    if metrics:
        addons.deploy_metrics(settings, settings.kubeconfig)


def _measure_kind(settings: Settings) -> None:
    for archive in addons.prepare(settings, addons.METRICS):
        kind.load_archive(settings, archive)
    addons.deploy_metrics(settings, settings.kind_kubeconfig)


def _context() -> str:
    if shutil.which("kubectl") is None:
        raise ClusterError("CLUSTER=existing needs kubectl on the PATH")
    return run("kubectl", "config", "current-context").strip()
