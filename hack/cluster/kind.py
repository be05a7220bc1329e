"""The same cluster with kind, on machines with a Docker engine: its own kubeconfig file, never the user's."""

import json
import shutil
from pathlib import Path

from hack.cluster import binaries
from hack.cluster.processes import run
from hack.cluster.progress import step
from hack.cluster.settings import Settings

NAME = "gagarin"


def up(settings: Settings, count: int) -> None:
    """A cluster with one control plane and `count` - 1 workers; one that exists is left as it is."""
    kubeconfig = settings.kind_kubeconfig
    kubeconfig.parent.mkdir(parents=True, exist_ok=True)
    if NAME in _call(settings, "get", "clusters").splitlines():
        _call(settings, "export", "kubeconfig", "--name", NAME, "--kubeconfig", str(kubeconfig))
        return
    with step(f"creating the kind cluster {NAME}"):
        _call(settings, *creation(settings, kubeconfig), stdin=config(count))


def down(settings: Settings) -> None:
    _call(settings, "delete", "cluster", "--name", NAME, "--kubeconfig", str(settings.kind_kubeconfig))
    settings.kind_kubeconfig.unlink(missing_ok=True)


def load(settings: Settings, tag: str) -> None:
    """Bring an image of the Docker engine to every node."""
    _call(settings, "load", "docker-image", tag, "--name", NAME)


def load_archive(settings: Settings, archive: Path) -> None:
    """Bring the image in an archive to every node."""
    _call(settings, "load", "image-archive", str(archive), "--name", NAME)


def creation(settings: Settings, kubeconfig: Path) -> list[str]:
    image = settings.versions["kind-node"]
    options = {"name": NAME, "image": image, "kubeconfig": kubeconfig, "config": "-", "wait": "120s"}
    return ["create", "cluster", *(f"--{key}={value}" for key, value in options.items())]


def config(count: int) -> str:
    roles = ["control-plane", *["worker"] * (count - 1)]
    nodes = [{"role": role} for role in roles]
    return json.dumps({"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": nodes})


def _call(settings: Settings, *arguments: str, stdin: str | None = None) -> str:
    program = shutil.which("kind") or binaries.folder(settings, ["kind"]) / "kind"
    return run(program, *arguments, stdin=stdin)
