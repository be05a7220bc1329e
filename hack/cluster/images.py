"""Building an image and bringing it to every node of whichever cluster is in use.

For nodes of our own buildah builds, and an archive carries the result into each node's image store, now and
whenever a node comes later. Nothing is done when nothing that defines the image has changed.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from hack.cluster import archives, binaries, clusters, contexts, kind, machine, nodes, rootfs, ways
from hack.cluster.errors import ClusterError
from hack.cluster.processes import run, succeeds
from hack.cluster.progress import say, step
from hack.cluster.settings import Settings
from hack.cluster.ways import Way

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PIP_SETTINGS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout")
BASE_FILE = """FROM scratch
ADD root.tar /
ENV LANG=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin
CMD ["python3"]
"""
BRIDGE_STAGE = " AS bridge\n"
BASE_INPUTS = sha256(Path(rootfs.__file__).read_bytes() + BASE_FILE.encode()).hexdigest()


@dataclass(frozen=True)
class Build:
    """A Dockerfile, the folder it copies from, its arguments as K=V, and the name of the result."""

    tag: str
    context: Path
    dockerfile: Path
    arguments: tuple[str, ...] = ()

    @property
    def options(self) -> list[str | Path]:
        """As both docker and buildah take them."""
        given = [part for argument in self.arguments for part in ("--build-arg", argument)]
        return ["--tag", self.tag, "--file", self.dockerfile, *given, self.context]


def make(settings: Settings, build: Build) -> None:
    """Build the image and have it on every node."""
    if not build.dockerfile.is_file():
        raise ClusterError(f"there is no file {build.dockerfile}")
    match ways.current(settings):
        case Way.EXISTING:
            raise ClusterError("CLUSTER=existing: push the image to a registry that this cluster pulls from")
        case Way.KIND:
            _make_for_kind(settings, build)
        case Way.NODE:
            _make_for_nodes(settings, build)


def pip_config(env: Mapping[str, str]) -> str:
    """A pip.conf with what this machine's environment says of the package index."""
    names = {setting: "PIP_" + setting.upper().replace("-", "_") for setting in PIP_SETTINGS}
    lines = [f"{setting} = {env[name]}" for setting, name in names.items() if env.get(name)]
    return "\n".join(["[global]", f"cert = {CERTIFICATES}", "disable-pip-version-check = true", *lines, ""])


def _make_for_kind(settings: Settings, build: Build) -> None:
    with step(f"building {build.tag}"):
        run("docker", "build", *build.options)
    with step(f"loading {build.tag}"):
        kind.load(settings, build.tag)


def _make_for_nodes(settings: Settings, build: Build) -> None:
    clusters.check_node(settings)
    build = _with_base(settings, build)
    archive = archives.path(settings, build.tag)
    stamp = archive.with_suffix(".inputs")
    inputs = contexts.digest(build.context, build.dockerfile, [*build.arguments, BASE_INPUTS])
    if archive.exists() and stamp.exists() and stamp.read_text() == inputs:
        say(f"{build.tag} is up to date")
        nodes.import_images(settings)
        return
    with step(f"building {build.tag}"):
        _bud(settings, build)
    with step(f"bringing {build.tag} to the nodes"):
        _save(settings, build.tag, archive)
        stamp.write_text(inputs)
        nodes.import_images(settings)


def _with_base(settings: Settings, build: Build) -> Build:
    """With BASE set to the image of Debian packages, where that can be made and no other is chosen."""
    if not machine.is_bookworm() or any(argument.startswith("BASE=") for argument in build.arguments):
        return build
    return replace(build, arguments=(*build.arguments, f"BASE={_base(settings)}"))


def _with_bridge(settings: Settings, build: Build, folder: Path) -> list[str]:
    """Options that put a bridge made by this machine's Go in place of the stage that makes one."""
    if BRIDGE_STAGE not in build.dockerfile.read_text():
        return []
    folder.mkdir()
    shutil.copy(binaries.folder(settings, ["bridge"]) / "bridge", folder)
    return ["--build-context", f"bridge={folder}"]


def _bud(settings: Settings, build: Build) -> None:
    """An ordinary build; its RUN lines see this machine's CA bundle and package index, the image does not."""
    with _scratch(settings) as folder:
        pip = folder / "pip.conf"
        pip.write_text(pip_config(os.environ))
        mounts = ("--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro", "--volume", f"{pip}:/etc/pip.conf:ro")
        bridge = _with_bridge(settings, build, folder / "bridge")
        _buildah(settings, "bud", "--layers", "--network", "host", *mounts, *bridge, *build.options)


def _save(settings: Settings, tag: str, archive: Path) -> None:
    archive.parent.mkdir(parents=True, exist_ok=True)
    fresh = archive.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    _buildah(settings, "push", "--quiet", tag, f"oci-archive:{fresh}:{tag}")
    fresh.replace(archive)


def _base(settings: Settings) -> str:
    """The tag of the base image of Debian packages, made when it is missing."""
    tag = f"localhost/python-base:{settings.versions['python']}"
    stamp = settings.state / "base.inputs"
    here = succeeds(*_command(settings), "inspect", "--type", "image", tag)
    if here and stamp.exists() and stamp.read_text() == BASE_INPUTS:
        return tag
    with step(f"building {tag}"), _scratch(settings) as folder:
        root = folder / "root"
        root.mkdir()
        rootfs.make(root, settings.state / "packages")
        owned = ("--numeric-owner", "--owner=0", "--group=0", "--sort=name", "--mtime=@0")
        run("tar", "-C", root, *owned, "-cf", folder / "root.tar", ".")
        shutil.rmtree(root)
        (folder / "Dockerfile").write_text(BASE_FILE)
        _buildah(settings, "bud", "--quiet", "--tag", tag, folder)
    stamp.write_text(BASE_INPUTS)
    return tag


def _buildah(settings: Settings, *arguments: str | Path) -> str:
    env = {"BUILDAH_ISOLATION": "chroot", "BUILDAH_FORMAT": "oci"}
    return run(*_command(settings), *arguments, env=env, log=settings.state / "buildah.log")


def _command(settings: Settings) -> tuple[str | Path, ...]:
    """buildah with a store of our own, in a mount namespace that takes its mounts away when it ends."""
    store = ("--root", settings.state / "buildah", "--runroot", settings.state / "buildah-run")
    return ("unshare", "--mount", "buildah", "--storage-driver", "overlay", *store)


@contextmanager
def _scratch(settings: Settings) -> Iterator[Path]:
    """An empty folder that goes again; one that a killed run has left goes first."""
    folder = settings.state / "scratch"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
