"""The operator's settings that reach the children: one value, given to `render`."""

from __future__ import annotations

from dataclasses import dataclass

# More than that does not fit beside the largest configuration in one ConfigMap.
CA_BUNDLE_BYTES = 100 * 1024


@dataclass(frozen=True, slots=True)
class Proxy:
    """The proxies of the pods, as their programs know them: HTTP_PROXY, HTTPS_PROXY, NO_PROXY. "": none."""

    http: str = ""
    https: str = ""
    no_proxy: str = ""


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """What is the same for all Instances of an installation.

    `image_pull_policy` None: Kubernetes decides. `image_mirrors` are pairs (prefix, replacement) for every
    image. `ca_bundle`: PEM certificates to trust beside the system's, at most `CA_BUNDLE_BYTES`. `fs_group`
    is the group of a volume's files, and `run_as_user` the user of programs whose image is not ours: numbers,
    or None where the platform assigns them (OpenShift). `api_server_cidrs` are the addresses of the API
    server, for pods whose connections are restricted; none: its ports, at any address.
    """

    image: str
    image_pull_policy: str | None = None
    image_pull_secrets: tuple[str, ...] = ()
    image_mirrors: tuple[tuple[str, str], ...] = ()
    proxy: Proxy = Proxy()
    ca_bundle: str = ""
    fs_group: int | None = None
    run_as_user: int | None = None
    api_server_cidrs: tuple[str, ...] = ()
