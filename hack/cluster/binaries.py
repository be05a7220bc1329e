"""The programs a cluster is made of, built from Go modules whose sums are pinned under go/.

Each program is cached outside the clone, under a digest of everything that defines it, so that another
clone or branch with the same definition compiles nothing. A file appears in the cache only when whole.
`folder()` answers with one folder of links to the programs asked for: callers put that on their PATH.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hack.cluster import locks
from hack.cluster.errors import ClusterError
from hack.cluster.processes import run
from hack.cluster.progress import step
from hack.cluster.settings import REPOSITORY, SOURCE, Settings

BUILD_ENV = {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false -trimpath -mod=readonly", "GOWORK": "off"}


@dataclass(frozen=True)
class Binary:
    module: str  # folder under `root`
    package: str
    stamps: tuple[tuple[str, str], ...] = ()  # variables that the linker sets, to versions
    root: Path = SOURCE / "go"

    @property
    def folder(self) -> Path:
        return self.root / self.module


# What a release's own build would set: the versions that programs report, and that `helm template` assumes.
KUBERNETES = (
    ("k8s.io/component-base/version.gitVersion", "v{kubernetes}"),
    ("k8s.io/component-base/version.gitMajor", "{major}"),
    ("k8s.io/component-base/version.gitMinor", "{minor}"),
)
HELM = (
    ("helm.sh/helm/v3/internal/version.version", "v{helm}"),
    ("helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor", "{major}"),
    ("helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor", "{minor}"),
    ("helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor", "{major}"),
    ("helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor", "{minor}"),
)
BINARIES: Mapping[str, Binary] = {
    "etcd": Binary("k8s", "go.etcd.io/etcd/server/v3"),
    "kube-apiserver": Binary("k8s", "k8s.io/kubernetes/cmd/kube-apiserver", KUBERNETES),
    "kube-controller-manager": Binary("k8s", "k8s.io/kubernetes/cmd/kube-controller-manager", KUBERNETES),
    "kube-scheduler": Binary("k8s", "k8s.io/kubernetes/cmd/kube-scheduler", KUBERNETES),
    "kubelet": Binary("k8s", "k8s.io/kubernetes/cmd/kubelet", KUBERNETES),
    "kube-proxy": Binary("k8s", "k8s.io/kubernetes/cmd/kube-proxy", KUBERNETES),
    "kubectl": Binary("k8s", "k8s.io/kubernetes/cmd/kubectl", KUBERNETES),
    "coredns": Binary("coredns", "."),
    "pause": Binary("pause", "."),
    "netpol": Binary("netpol", "."),
    "volumes": Binary("volumes", "."),
    "metrics-server": Binary("metrics-server", "sigs.k8s.io/metrics-server/cmd/metrics-server"),
    "kwok": Binary("kwok", "sigs.k8s.io/kwok/cmd/kwok"),
    "helm": Binary("helm", "helm.sh/helm/v3/cmd/helm", HELM),
    "kind": Binary("kind", "sigs.k8s.io/kind"),
    "bridge": Binary("bridge", ".", root=REPOSITORY),
    "kstatus": Binary("kstatus", ".", root=REPOSITORY / "tests"),
}
BESIDE = ("metrics-server", "kwok", "helm", "kind", "bridge", "kstatus")
NODE = tuple(name for name in BINARIES if name not in BESIDE)
OURS = tuple(name for name in BINARIES if name != "kind")


def folder(settings: Settings, names: Iterable[str]) -> Path:
    """Build what is missing of `names` and return the folder that has them all."""
    links, names = settings.cache / "bin" / _definition(settings), list(names)
    if all((links / name).exists() for name in names):
        return links
    # One build at a time: two would only compile the same packages side by side.
    with locks.exclusive(settings.cache / "bin" / "lock", "another build of the cluster's binaries"):
        links.mkdir(parents=True, exist_ok=True)
        for name in names:
            _link(links / name, _installed(settings, name) or _built(settings, name))
    return links


def digest(binary: Binary, flags: str, toolchain: str, sources: Mapping[str, bytes]) -> str:
    """What defines a program: its module's files, what is built of it, how, and with which Go."""
    hasher = hashlib.sha256(repr((binary.package, flags, toolchain, sorted(BUILD_ENV.items()))).encode())
    for name, content in sorted(sources.items()):
        hasher.update(repr((name, len(content))).encode())
        hasher.update(content)
    return hasher.hexdigest()[:16]


def linker_flags(binary: Binary, versions: Mapping[str, str]) -> str:
    """No symbol tables, and the versions that a program would otherwise not know."""
    major, minor, _ = versions["kubernetes"].split(".", 2)
    values = {**versions, "major": major, "minor": minor}
    return " ".join(["-s -w", *(f"-X {name}={text.format(**values)}" for name, text in binary.stamps)])


def toolchain() -> str:
    """Version and platform of Go, as `go1.25.3 linux amd64`; ClusterError when there is none."""
    if shutil.which("go") is None:
        raise ClusterError("Go is not installed: there is no `go` on the PATH")
    return _toolchain()


def is_new_enough(found: str, least: str) -> bool:
    """Compare `go1.25.3 linux amd64` with `1.25.0`; a development build counts as new."""
    version = found.split()[0].removeprefix("go")
    try:
        return [int(part) for part in version.split(".")[:2]] >= [int(part) for part in least.split(".")[:2]]
    except ValueError:
        return True


@cache
def _toolchain() -> str:
    # Asked inside the module that wants most: with GOTOOLCHAIN=auto its go.mod may choose a newer Go than
    # the installed one.
    module = SOURCE / "go" / "metrics-server"
    return " ".join(run("go", "env", "GOVERSION", "GOOS", "GOARCH", cwd=module).split())


def _definition(settings: Settings) -> str:
    names = sorted(BINARIES)
    return hashlib.sha256("".join(_digest(settings, name) for name in names).encode()).hexdigest()[:16]


def _digest(settings: Settings, name: str) -> str:
    binary = BINARIES[name]
    flags = linker_flags(binary, settings.versions)
    return digest(binary, flags, toolchain(), _sources(binary.folder))


@cache
def _sources(folder: Path) -> Mapping[str, bytes]:
    files = (file for file in folder.rglob("*") if file.suffix in {".go", ".mod", ".sum"})
    defining = (file for file in files if not file.name.endswith("_test.go"))
    return {str(file.relative_to(folder)): file.read_bytes() for file in defining}


def _installed(settings: Settings, name: str) -> Path | None:
    """kubectl is compatible with neighbouring versions, so the user's own one is not built again."""
    found = shutil.which(name) if name == "kubectl" else None
    if found is None:
        return None
    path = Path(found).resolve()
    return None if path.is_relative_to(settings.cache) else path


def _built(settings: Settings, name: str) -> Path:
    target = settings.cache / "bin" / "store" / f"{name}-{_digest(settings, name)}"
    if target.exists():
        return target
    least = settings.versions["go"]
    if not is_new_enough(toolchain(), least):
        raise ClusterError(f"Go {least} or newer is needed, this is {toolchain().split()[0]}")
    target.parent.mkdir(parents=True, exist_ok=True)
    binary = BINARIES[name]
    made = target.with_name("unfinished")
    with step(f"building {name}"):
        flags = linker_flags(binary, settings.versions)
        command = ["go", "build", f"-ldflags={flags}", "-o", str(made), binary.package]
        run(*command, cwd=binary.folder, env=BUILD_ENV)
        made.rename(target)
    return target


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    fresh.symlink_to(target)
    fresh.replace(link)
