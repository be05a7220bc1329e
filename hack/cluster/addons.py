"""What a cluster is given once its control plane answers: manifests under addons/, images of single programs.

Names, storage and the rights of the node's own programs are for the node of our own; kind brings its own. The
metrics-server is for both, and only where it is asked for: building it is a minute or two.
"""

from collections.abc import Iterable
from pathlib import Path
from string import Template

from hack.cluster import archives, binaries, kubectl
from hack.cluster.settings import SOURCE, Settings

DNS = ("coredns",)
METRICS = ("metrics-server",)
ROLLOUT = ("rollout", "status", "deployment/coredns", "--namespace=kube-system", "--timeout=120s")


def image(settings: Settings, program: str) -> str:
    return f"gagarin.local/{program}:{settings.versions[program]}"


def prepare(settings: Settings, programs: Iterable[str]) -> list[Path]:
    """The archives of these programs' images, made when missing; nodes that start later import them."""
    return [_archive(settings, program) for program in programs]


def deploy(settings: Settings) -> None:
    """Apply what every node of our own has and wait until names resolve; quick when all is there already."""
    for name in ("rights", "storage"):
        kubectl.call(settings, "apply", "-f", SOURCE / "addons" / f"{name}.yaml")
    values = {"image": image(settings, "coredns"), "address": str(settings.dns_service)}
    kubectl.call(settings, "apply", "-f", "-", stdin=_filled("coredns", values))
    kubectl.call(settings, *ROLLOUT)


def deploy_metrics(settings: Settings, kubeconfig: Path) -> None:
    """Apply the metrics-server. Its first figures come some 20 seconds later; nobody waits for them here."""
    manifest = _filled("metrics-server", {"image": image(settings, "metrics-server")})
    kubectl.call(settings, "apply", "-f", "-", stdin=manifest, kubeconfig=kubeconfig)


def _archive(settings: Settings, program: str) -> Path:
    tag = image(settings, program)
    archives.ensure_static(settings, tag, binaries.folder(settings, [program]) / program)
    return archives.path(settings, tag)


def _filled(name: str, values: dict[str, str]) -> str:
    return Template((SOURCE / "addons" / f"{name}.yaml").read_text()).substitute(values)
