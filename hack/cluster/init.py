"""PID 1 of a node: sets up its namespaces, starts its programs, starts those again that end.

Runs as `python3 -m hack.cluster.init NUMBER BINARIES` inside new network, mount, PID and UTS namespaces. When
it dies, by whatever signal, the kernel ends every process of the node and takes its mounts and cable away.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

from hack.cluster import archives, components, host, settings
from hack.cluster.components import Component
from hack.cluster.lives import Life
from hack.cluster.processes import run, succeeds, wait_until
from hack.cluster.settings import Node, Settings


def main(number: int, binaries: Path) -> NoReturn:
    values = settings.read()
    node = values.node(number)
    signal.signal(signal.SIGTERM, _end)  # PID 1 ignores what it has no handler for
    Life.of_caller().write(node.folder / "life")  # while /proc is still the host's, and so are the pids in it
    os.chdir(node.folder)
    mount(node)
    connect(values, node)
    socket.sethostname(node.name)
    supervisor = Supervisor(node.folder / "logs")
    if node.controls:
        supervisor.start(components.control_plane(values, node, binaries))
    supervisor.start([components.containerd(node)])
    prepare_images(values, node)
    if not node.controls:
        wait_until(lambda: _answers(values), "an answer of the API server", seconds=120)
    supervisor.start(components.worker(values, node, binaries))
    supervisor.watch()


def mount(node: Node) -> None:
    """Our own /proc and /run, and the node's folders where its programs have fixed paths."""
    run("mount", "--make-rprivate", "/")
    run("mount", "-t", "proc", "proc", "/proc")
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    for folder in ("containerd", "netns", "lock"):
        Path("/run", folder).mkdir()
    for folder in host.PRIVATE:
        own = node.folder / folder.lstrip("/")
        own.mkdir(parents=True, exist_ok=True)
        run("mount", "--bind", own, folder)


def connect(values: Settings, node: Node) -> None:
    """Give the cable an address as soon as the host has put it in, and route to the other nodes' pods."""
    wait_until(_has_cable, "the network cable of the node", seconds=30, interval=0.01)
    run("ip", "link", "set", "lo", "up")
    run("ip", "addr", "add", f"{node.address}/{values.node_range.prefixlen}", "dev", "eth0")
    run("ip", "link", "set", "eth0", "up")
    run("ip", "route", "add", "default", "via", str(values.gateway))
    for other in values.nodes():
        if other != node:
            run("ip", "route", "add", str(other.pods), "via", str(other.address))
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    # Services and policies must see the frames between pods of one bridge, too.
    bridged = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    if bridged.exists():
        bridged.write_text("1")


def prepare_images(values: Settings, node: Node) -> None:
    """Forget the containers of a former life, which containerd remembers, and import what is new."""
    wait_until(lambda: succeeds("ctr", "version"), "an answer of containerd", seconds=60)
    former = run(*archives.CTR, "containers", "ls", "-q").split()
    if former:
        run(*archives.CTR, "containers", "rm", *former)
    archives.import_missing(values, node)


class Supervisor:
    """Starts programs, each with a log of its own, and starts them again one second after they ended."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        # Process objects that are dropped would be reaped by the next Popen, and watch() miss them.
        self._running: dict[int, tuple[Component, subprocess.Popen[bytes]]] = {}
        logs.mkdir(exist_ok=True)

    def start(self, wanted: list[Component]) -> None:
        for component in wanted:
            with (self._logs / f"{component.name}.log").open("ab") as log:
                process = subprocess.Popen(
                    component.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            self._running[process.pid] = component, process

    def watch(self) -> NoReturn:
        """Reap everything that ends here, the orphans of containers included."""
        while True:
            pid, status = os.wait()
            if pid in self._running:
                component, _ = self._running.pop(pid)
                ended = os.waitstatus_to_exitcode(status)
                print(f"{component.name} ended with status {ended}; starting it again", flush=True)
                time.sleep(1)
                self.start([component])


def _end(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)


def _has_cable() -> bool:
    return any(name == "eth0" for _, name in socket.if_nameindex())


def _answers(values: Settings) -> bool:
    """Whether the API server takes connections: without it a kubelet waits long before it tries again."""
    try:
        socket.create_connection((str(values.node(1).address), 6443), timeout=1).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
