"""What a cluster of our own is given once its control plane answers: one manifest each under addons/.

kind brings its own DNS, so these are for the node of our own only.
"""

from string import Template

from hack.cluster import archives, binaries, kubectl
from hack.cluster.settings import SOURCE, Settings

ROLLOUT = ("rollout", "status", "deployment/coredns", "--namespace=kube-system", "--timeout=120s")


def coredns_image(settings: Settings) -> str:
    return f"gagarin.local/coredns:{settings.versions['coredns']}"


def prepare(settings: Settings) -> None:
    """Have the images before the nodes start, so that they import them on the way."""
    programs = binaries.folder(settings, ["coredns"])
    archives.ensure_static(settings, coredns_image(settings), programs / "coredns")


def deploy(settings: Settings) -> None:
    """Apply every manifest and wait until names resolve; quick when all is there already."""
    values = {"image": coredns_image(settings), "address": str(settings.dns_service)}
    manifest = Template((SOURCE / "addons" / "coredns.yaml").read_text()).substitute(values)
    kubectl.call(settings, "apply", "-f", "-", stdin=manifest)
    kubectl.call(settings, *ROLLOUT)
