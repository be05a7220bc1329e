"""What this machine offers: the reasons why a node cannot live here, and the Debian packages it needs.

Every reason is a sentence that a user can act on; a package is installed only when its file is missing.
"""

import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from hack.cluster import binaries
from hack.cluster.errors import ClusterError
from hack.cluster.processes import run, succeeds
from hack.cluster.progress import step
from hack.cluster.settings import Settings

# A program or file, and the package that has it.
NEEDS: Mapping[str, str] = {
    "containerd": "containerd",
    "runc": "runc",
    "buildah": "buildah",
    "iptables": "iptables",
    "nft": "nftables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "openssl": "openssl",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "/etc/ssl/certs/ca-certificates.crt": "ca-certificates",
}
# The same for what tests use beside a cluster.
TEST_NEEDS: Mapping[str, str] = {
    "/usr/bin/pg_ctlcluster": "postgresql",
    "/usr/bin/chromium": "chromium",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf": "fonts-dejavu-core",
}
NAMESPACES = ("unshare", "--net", "--mount", "--pid", "--uts", "--fork", "true")


def obstacles(settings: Settings) -> list[str]:
    """Why no node of our own can be made here, in plain words; empty when one can."""
    if sys.platform != "linux":
        return [f"a node needs Linux, this is {sys.platform}"]
    root = ["a node needs root (its namespaces, routes and cgroups); run as root or with sudo"]
    return [*(_kernel() if os.geteuid() == 0 else root), *_go(settings), *_packages()]


def is_linux_root() -> bool:
    """Whether nodes can be made and ended by this process at all."""
    return sys.platform == "linux" and os.geteuid() == 0


def install(needs: Mapping[str, str], log: Path) -> None:
    """Install what is missing, all at once; nothing happens when nothing is."""
    names = missing(needs)
    if not names:
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise ClusterError(
            f"these are not installed, and only apt-get, as root, is known here: {', '.join(names)}"
        )
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    with step(f"installing {' '.join(names)}"):
        run("apt-get", "update", "-q", env=quiet, log=log)
        options = ("-q", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300")
        run("apt-get", "install", *options, *names, env=quiet, log=log)


def missing(needs: Mapping[str, str]) -> list[str]:
    """The packages of `needs` whose program or file is not here, sorted."""
    return sorted({package for what, package in needs.items() if not _is_here(what)})


def is_bookworm(release: Path = Path("/etc/os-release")) -> bool:
    """Whether Debian 12's own packages, with Python 3.11, are what apt-get offers here."""
    return release.exists() and "VERSION_CODENAME=bookworm" in release.read_text().split()


def _is_here(what: str) -> bool:
    return Path(what).exists() if what.startswith("/") else shutil.which(what) is not None


def _kernel() -> Iterable[str]:
    if not succeeds(*NAMESPACES):
        yield "the kernel, or a container around us, refuses new namespaces (`unshare` fails)"
    if not os.access("/sys/fs/cgroup", os.W_OK):
        yield "/sys/fs/cgroup is not writable, so that a node could not limit its pods"


def _go(settings: Settings) -> Iterable[str]:
    least = settings.versions["go"]
    try:
        found = binaries.toolchain()
    except ClusterError as error:
        yield f"{error}; Go {least} or newer builds Kubernetes"
    else:
        if not binaries.is_new_enough(found, least):
            yield f"Go {least} or newer builds Kubernetes, this is {found.split()[0]}"


def _packages() -> Iterable[str]:
    names = missing(NEEDS)
    if names and shutil.which("apt-get") is None:
        yield f"these are not installed, and only apt-get is known here: {', '.join(names)}"
