"""Binaries: the cache key covers what defines a program, and the pinned modules agree with versions.toml."""

import pytest

from hack.cluster import settings
from hack.cluster.binaries import BINARIES, Binary, digest, is_new_enough, linker_flags

GO = settings.SOURCE / "go"
ETCD = Binary("k8s", "go.etcd.io/etcd/server/v3")
SOURCES = {"go.mod": b"module m", "go.sum": b"sums"}


def test_the_same_definition_gives_the_same_digest() -> None:
    assert digest(ETCD, "-s", "go1.26.8 linux amd64", SOURCES) == digest(
        ETCD, "-s", "go1.26.8 linux amd64", dict(reversed(SOURCES.items()))
    )


@pytest.mark.parametrize(
    ("binary", "flags", "toolchain", "sources"),
    [
        (Binary("k8s", "other"), "-s", "go1.26.8 linux amd64", SOURCES),
        (ETCD, "-w", "go1.26.8 linux amd64", SOURCES),
        (ETCD, "-s", "go1.26.9 linux amd64", SOURCES),
        (ETCD, "-s", "go1.26.8 linux amd64", {**SOURCES, "go.sum": b"smus"}),
        (ETCD, "-s", "go1.26.8 linux amd64", {**SOURCES, "main.go": b""}),
        (ETCD, "-s", "go1.26.8 linux amd64", {"go.mod": b"module mgo.sum", "go.sum": b"sums"}),
    ],
)
def test_anything_else_in_the_definition_gives_another_digest(
    binary: Binary, flags: str, toolchain: str, sources: dict[str, bytes]
) -> None:
    known = digest(ETCD, "-s", "go1.26.8 linux amd64", SOURCES)
    assert digest(binary, flags, toolchain, sources) != known


def test_a_program_of_kubernetes_is_stamped_with_its_version() -> None:
    flags = linker_flags(BINARIES["kubelet"], {"kubernetes": "1.34.4"})
    assert "version.gitVersion=v1.34.4" in flags
    assert "version.gitMinor=34" in flags


def test_other_programs_are_only_stripped() -> None:
    assert linker_flags(BINARIES["etcd"], settings.versions()) == "-s -w"


@pytest.mark.parametrize(
    ("found", "enough"),
    [
        ("go1.25.0 linux amd64", True),
        ("go1.26rc1 linux amd64", True),
        ("go1.24.9 linux amd64", False),
        ("go1.9 linux amd64", False),
        ("go2.0 linux arm64", True),
        ("devel linux amd64", True),
    ],
)
def test_go_versions_are_compared_as_numbers(found: str, enough: bool) -> None:
    assert is_new_enough(found, "1.25.0") is enough


@pytest.mark.parametrize(
    ("module", "path", "version"),
    [
        ("k8s", "k8s.io/kubernetes", "kubernetes"),
        ("k8s", "go.etcd.io/etcd/server/v3", "etcd"),
        ("coredns", "github.com/coredns/coredns", "coredns"),
        ("metrics-server", "sigs.k8s.io/metrics-server", "metrics-server"),
        ("kwok", "sigs.k8s.io/kwok", "kwok"),
        ("helm", "helm.sh/helm/v3", "helm"),
        ("kind", "sigs.k8s.io/kind", "kind"),
    ],
)
def test_a_module_pins_the_version_that_is_written_down(module: str, path: str, version: str) -> None:
    lines = (GO / module / "go.mod").read_text().replace("require ", "").splitlines()
    assert f"{path} v{settings.versions()[version]}" in {line.split("//")[0].strip() for line in lines}


def test_every_module_builds_with_the_least_go() -> None:
    least = settings.versions()["go"]
    for folder in {binary.folder for binary in BINARIES.values()}:
        wanted = next(line for line in (folder / "go.mod").read_text().splitlines() if line.startswith("go "))
        assert is_new_enough(f"go{least} linux amd64", wanted.removeprefix("go "))


def test_kind_runs_the_same_minor_version_of_kubernetes() -> None:
    versions = settings.versions()
    minor = versions["kubernetes"].rpartition(".")[0]
    assert versions["kind-node"].startswith(f"kindest/node:v{minor}.")
    assert "@sha256:" in versions["kind-node"]
