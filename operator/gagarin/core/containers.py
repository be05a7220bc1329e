"""The containers of a pod: the chat server, and beside it the programs of Tools of type Stdio.

Each of them satisfies the `restricted` Pod Security Standard. A sidecar is a native one (KEP-753): it starts
before the chat server, ends after it, and is started again by itself. The user's image runs under the bridge,
a static program that an init container puts into a shared folder: it serves the program's standard input and
output on a Unix socket.
"""

from __future__ import annotations

from typing import Any

from gagarin.core import names
from gagarin.core.images import mirrored
from gagarin.core.objects import Object
from gagarin.core.resolved import Resolved, Sidecar
from gagarin.core.settings import Proxy, RenderSettings
from gagarin.core.volumes import BRIDGE_FOLDER, SOCKETS_FOLDER, bridge_mounts, chat_mounts, sidecar_mounts

CHAT = "chat"
CHAT_PORT = 8080
OPS_PORT = 8081
# Between the end of readiness and SIGTERM, for the endpoints to be taken out of every proxy.
PRE_STOP_SECONDS = 5
# What a chat server of about 50 MB needs; a resource that the user mentions has no default any more.
CHAT_RESOURCES = {
    "requests": {"cpu": "50m", "memory": "96Mi"},
    "limits": {"cpu": "1", "memory": "512Mi"},
}
SIDECAR_RESOURCES = {
    "requests": {"cpu": "10m", "memory": "64Mi"},
    "limits": {"cpu": "500m", "memory": "256Mi"},
}
BRIDGE_RESOURCES = {
    "requests": {"cpu": "10m", "memory": "16Mi"},
    "limits": {"cpu": "500m", "memory": "64Mi"},
}
# Names inside the cluster are never a proxy's to resolve.
NO_PROXY = "localhost,127.0.0.1,.svc,.cluster.local"


def chat(resolved: Resolved, settings: RenderSettings) -> Object:
    """The chat server."""
    options: dict[str, Any] = resolved.instance["spec"].get("pod") or {}
    pod_name = {"name": "GAGARIN_POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    container = _container(CHAT, mirrored(settings.image, settings.image_mirrors))
    container |= {
        "command": ["python3", "-m", "gagarin.server"],
        "env": [pod_name, *_proxy(settings.proxy), *(options.get("env") or ())],
        "ports": [
            {"name": "chat", "containerPort": CHAT_PORT, "protocol": "TCP"},
            {"name": "ops", "containerPort": OPS_PORT, "protocol": "TCP"},
        ],
        "resources": _resources(options.get("resources") or {}, CHAT_RESOURCES),
        "startupProbe": _probe("/healthz", periodSeconds=1, failureThreshold=60),
        "livenessProbe": _probe("/healthz", periodSeconds=10, timeoutSeconds=5, failureThreshold=3),
        "readinessProbe": _probe("/readyz", periodSeconds=1),
        "lifecycle": {"preStop": {"sleep": {"seconds": PRE_STOP_SECONDS}}},
        "volumeMounts": chat_mounts(resolved),
    }
    return _pulled(container, settings)


def sidecars(resolved: Resolved, settings: RenderSettings) -> list[Object]:
    """The init containers: first what installs the bridge, then the programs. None without programs."""
    if not resolved.sidecars:
        return []
    return [_bridge(settings), *(_sidecar(each, settings) for each in resolved.sidecars)]


def _bridge(settings: RenderSettings) -> Object:
    container = _container("bridge", mirrored(settings.image, settings.image_mirrors))
    container |= {
        "command": ["/opt/gagarin/bin/bridge", "install", BRIDGE_FOLDER],
        "resources": BRIDGE_RESOURCES,
        "volumeMounts": bridge_mounts(),
    }
    return _pulled(container, settings)


def _sidecar(sidecar: Sidecar, settings: RenderSettings) -> Object:
    image = mirrored(sidecar.image, settings.image_mirrors)
    container = _container(names.container_name(sidecar.tool), image)
    if settings.run_as_user is not None:  # many images would run as root, which is refused
        container["securityContext"]["runAsUser"] = settings.run_as_user
    socket = f"{SOCKETS_FOLDER}/{sidecar.socket}"
    home = {"name": "HOME", "value": "/tmp"}  # noqa: S108 (a path in the container, a volume of its own)
    own_home = any(variable["name"] == "HOME" for variable in sidecar.environment)
    return container | {
        "restartPolicy": "Always",
        "command": [f"{BRIDGE_FOLDER}/bridge", "--socket", socket, "--", *sidecar.command],
        "env": [*([] if own_home else [home]), *_proxy(settings.proxy), *sidecar.environment],
        "resources": _resources(sidecar.resources, SIDECAR_RESOURCES),
        "volumeMounts": sidecar_mounts(sidecar),
    }


def _container(name: str, image: str) -> Object:
    return {
        "name": name,
        "image": image,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        # The program's last words, or the end of its log where it had no time for any.
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _pulled(container: Object, settings: RenderSettings) -> Object:
    """A container of our own image. When another one is pulled, Kubernetes decides."""
    policy = settings.image_pull_policy
    return container | ({"imagePullPolicy": policy} if policy else {})


def _proxy(proxy: Proxy) -> list[Object]:
    if not (proxy.http or proxy.https):
        return []
    inside = ",".join(part for part in (NO_PROXY, proxy.no_proxy) if part)
    variables = {"HTTP_PROXY": proxy.http, "HTTPS_PROXY": proxy.https, "NO_PROXY": inside}
    return [{"name": name, "value": value} for name, value in variables.items() if value]


def _probe(path: str, **timing: int) -> Object:
    return {"httpGet": {"path": path, "port": "ops"}, **timing}


def _resources(wanted: dict[str, dict[str, Any]], defaults: dict[str, dict[str, str]]) -> Object:
    """The user's resources; the defaults only for what neither requests nor limits mention."""
    mentioned = {name for part in wanted.values() for name in part or ()}
    return {
        part: {name: value for name, value in values.items() if name not in mentioned}
        | (wanted.get(part) or {})
        for part, values in defaults.items()
    }
