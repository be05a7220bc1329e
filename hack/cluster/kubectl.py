"""Calls of kubectl with the cluster's own kubeconfig and a cache beside it, never in ~/.kube."""

from pathlib import Path

from hack.cluster import binaries
from hack.cluster.errors import CommandError
from hack.cluster.processes import run
from hack.cluster.settings import Settings


def call(
    settings: Settings, *arguments: str | Path, stdin: str | None = None, kubeconfig: Path | None = None
) -> str:
    """What kubectl prints; CommandError with what it complains about. Without `kubeconfig`: our own node."""
    program = binaries.folder(settings, ["kubectl"]) / "kubectl"
    cache = settings.cache / "kubectl"
    return run(
        program,
        "--kubeconfig",
        kubeconfig or settings.kubeconfig,
        "--cache-dir",
        cache,
        *arguments,
        stdin=stdin,
    )


def answer(settings: Settings, *arguments: str) -> str | None:
    """What kubectl prints, or None when it fails: for questions that are asked again."""
    try:
        return call(settings, *arguments, "--request-timeout=5s")
    except CommandError:
        return None
