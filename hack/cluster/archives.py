"""Image archives: made from one static program without a builder, and imported into the nodes.

An archive stays in the state folder, so that a node that comes later, or begins anew, has the image too.
"""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Iterable
from pathlib import Path

from hack.cluster.processes import run
from hack.cluster.settings import Node, Settings

NOBODY = "65532:65532"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
CTR = ("ctr", "--namespace", "k8s.io")


def path(settings: Settings, tag: str) -> Path:
    return settings.images / (tag.replace("/", "_").replace(":", "_") + ".tar")


def ensure_static(settings: Settings, tag: str, program: Path) -> None:
    """The image of one static program, unless its archive is here and holds this very build of it."""
    archive = path(settings, tag)
    stamp = archive.with_suffix(".program")
    build = str(program.resolve())
    if archive.exists() and stamp.exists() and stamp.read_text() == build:
        return
    archive.parent.mkdir(parents=True, exist_ok=True)
    fresh = archive.with_suffix(".new")
    fresh.write_bytes(static(tag, program.name, program.read_bytes()))
    fresh.replace(archive)
    stamp.write_text(build)


def static(tag: str, name: str, program: bytes) -> bytes:
    """What `docker save` writes, with one layer that holds /NAME; same input, same bytes."""
    layer = _tar([(name, program, 0o755)])
    machine = platform.machine()
    config = {
        "architecture": ARCHITECTURES.get(machine, machine),
        "os": "linux",
        "config": {"User": NOBODY, "Entrypoint": [f"/{name}"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [tag], "Layers": ["layer.tar"]}]
    described = {"config.json": json.dumps(config), "manifest.json": json.dumps(manifest)}
    parts = [(file, text.encode(), 0o644) for file, text in described.items()]
    return _tar([("layer.tar", layer, 0o644), *parts])


def import_missing(settings: Settings, node: Node, enter: Iterable[str] = ()) -> None:
    """Import the archives that the node's store lacks; `enter` is the command that goes into the node."""
    done = node.folder / "imported"
    done.mkdir(exist_ok=True)
    for archive in sorted(settings.images.glob("*.tar")):
        mark, version = done / archive.name, str(archive.stat().st_mtime_ns)
        if not mark.exists() or mark.read_text() != version:
            run(*enter, *CTR, "images", "import", archive)
            mark.write_text(version)


def _tar(files: Iterable[tuple[str, bytes, int]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content, mode in files:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
