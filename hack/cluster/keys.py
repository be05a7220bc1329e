"""Keys and certificates of the cluster, made once with openssl and kept until `down --purge`.

Every component has its own identity, as a cluster made by kubeadm has, so that the Node authorizer and the
built-in roles are in force. Each certificate is written only after its key: one that is there is whole.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from hack.cluster.processes import run
from hack.cluster.settings import Node, Settings

YEARS_10 = "3650"
CA = """[req]
distinguished_name = empty
[empty]
[extensions]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""
# The identifiers are there for clients that verify strictly, as Python does from 3.13 on.
LEAF = """[req]
distinguished_name = empty
[empty]
[extensions]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""
# Certificate -> its subject: the API server, the administrator, the control plane's clients.
SUBJECTS: Mapping[str, str] = {
    "apiserver": "/CN=kube-apiserver",
    "apiserver-kubelet-client": "/O=system:masters/CN=kube-apiserver-kubelet-client",
    "admin": "/O=system:masters/CN=admin",
    "controller-manager": "/CN=system:kube-controller-manager",
    "scheduler": "/CN=system:kube-scheduler",
    "proxy": "/CN=system:kube-proxy",
    "netpol": "/CN=gagarin:netpol",
    "volumes": "/CN=gagarin:volumes",
}


def ensure(settings: Settings) -> None:
    """Make what is missing of the control plane's keys; a few milliseconds when all are there."""
    settings.keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    _authority(settings, "ca", "/CN=gagarin-ca")
    _authority(settings, "front-proxy-ca", "/CN=gagarin-front-proxy-ca")
    for name, subject in SUBJECTS.items():
        _certificate(settings, name, subject)
    _certificate(settings, "front-proxy", "/CN=front-proxy-client", authority="front-proxy-ca")
    _token_keys(settings)


def ensure_node(settings: Settings, node: Node) -> None:
    """The kubelet's identity; its name and group are what the Node authorizer goes by."""
    _certificate(settings, kubelet(node), f"/O=system:nodes/CN=system:node:{node.name}")


def kubelet(node: Node) -> str:
    return f"kubelet-{node.name}"


def api_names(settings: Settings) -> Iterator[str]:
    """Every name and address that the API server is called by."""
    service = ("kubernetes", "default", "svc", "cluster", "local")
    yield from (f"DNS:{'.'.join(service[:length])}" for length in (1, 2, 3, 5))
    yield "DNS:localhost"
    yield from (f"IP:{address}" for address in ("127.0.0.1", settings.api_service, settings.node(1).address))


def _authority(settings: Settings, name: str, subject: str) -> None:
    _make(settings.keys / f"{name}.crt", CA, "-subj", subject)


def _certificate(settings: Settings, name: str, subject: str, authority: str = "ca") -> None:
    signed = ("-CA", settings.keys / f"{authority}.crt", "-CAkey", settings.keys / f"{authority}.key")
    extensions = LEAF.format(names=", ".join(api_names(settings)))
    _make(settings.keys / f"{name}.crt", extensions, "-subj", subject, *signed)


def _make(certificate: Path, config: str, *options: str | Path) -> None:
    if certificate.exists():
        return
    fresh = certificate.with_suffix(".new")
    key = (
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-keyout",
        certificate.with_suffix(".key"),
    )
    fixed = ("-config", "/dev/stdin", "-extensions", "extensions", "-days", YEARS_10, "-out", fresh)
    run("openssl", "req", "-x509", *fixed, *key, *options, stdin=config)
    fresh.rename(certificate)


def _token_keys(settings: Settings) -> None:
    """The pair that signs ServiceAccount tokens: RSA, so that tokens are RS256 as on most clusters."""
    private, public = settings.keys / "tokens.key", settings.keys / "tokens.pub"
    if public.exists():
        return
    run("openssl", "genrsa", "-out", private, "2048")
    fresh = public.with_suffix(".new")
    run("openssl", "rsa", "-in", private, "-pubout", "-out", fresh)
    fresh.rename(public)
