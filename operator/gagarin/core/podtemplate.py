"""The pod template of an Instance: one container that satisfies the `restricted` Pod Security Standard.

Files of Secrets have mode 0444: the pods run as whatever non-root user the image or the platform (OpenShift)
says, so a file of root with 0400 could not be read, and a fixed fsGroup would be refused there. Only the chat
container mounts them, and it has one user.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from gagarin.core import names
from gagarin.core.objects import Object
from gagarin.core.resolve import Resolved

CHAT_PORT = 8080
OPS_PORT = 8081
# Between the end of readiness and SIGTERM, for the endpoints to be taken out of every proxy.
PRE_STOP_SECONDS = 5
# After the longest answer: preStop, and closing what is open.
GRACE_SECONDS = 15
TOKEN_SECONDS = 3607
SECRET_MODE = 0o444
# What a chat server of about 50 MB needs; a resource that the user mentions has no default any more.
DEFAULT_RESOURCES = {
    "requests": {"cpu": "50m", "memory": "96Mi"},
    "limits": {"cpu": "1", "memory": "512Mi"},
}
# Fields of spec.pod that are a pod's own fields by the same name.
COPIED = (
    "nodeSelector",
    "tolerations",
    "affinity",
    "imagePullSecrets",
    "priorityClassName",
    "runtimeClassName",
)


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """The operator's settings that reach the children. `image_pull_policy` None: Kubernetes decides."""

    image: str
    image_pull_policy: str | None = None


def pod_template(resolved: Resolved, settings: RenderSettings, revision: str) -> Object:
    """The template of the Deployment, as of one revision."""
    name: str = resolved.instance["metadata"]["name"]
    options = _options(resolved)
    labels = (options.get("labels") or {}) | names.labels(name) | {names.REVISION: revision}
    metadata: Object = {"labels": labels}
    if options.get("annotations"):
        metadata["annotations"] = options["annotations"]
    return {"metadata": metadata, "spec": _pod_spec(resolved, settings, revision)}


def service_account(resolved: Resolved) -> str:
    """The ServiceAccount that the pods run as."""
    return resolved.spec.pod.service_account_name or names.account_name(resolved.config.name)


def _options(resolved: Resolved) -> dict[str, Any]:
    """`spec.pod` as the user wrote it: what is copied is copied as it is."""
    return resolved.instance["spec"].get("pod") or {}


def _pod_spec(resolved: Resolved, settings: RenderSettings, revision: str) -> Object:
    options = _options(resolved)
    timeout = math.ceil(resolved.config.limits.request_timeout)
    spec: Object = {
        "serviceAccountName": service_account(resolved),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": timeout + GRACE_SECONDS,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_container(resolved, settings)],
        "volumes": _volumes(resolved, revision),
    }
    spec |= {field: options[field] for field in COPIED if options.get(field)}
    if options.get("topologySpreadConstraints"):
        own_pods = {"labelSelector": {"matchLabels": names.selector(resolved.config.name)}}
        spread = [own_pods | constraint for constraint in options["topologySpreadConstraints"]]
        spec["topologySpreadConstraints"] = spread
    return spec


def _container(resolved: Resolved, settings: RenderSettings) -> Object:
    pod_name = {"name": "GAGARIN_POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    container: Object = {
        "name": "chat",
        "image": settings.image,
        "command": ["python3", "-m", "gagarin.server"],
        "env": [pod_name, *(_options(resolved).get("env") or ())],
        "ports": [
            {"name": "chat", "containerPort": CHAT_PORT, "protocol": "TCP"},
            {"name": "ops", "containerPort": OPS_PORT, "protocol": "TCP"},
        ],
        "resources": _resources(_options(resolved).get("resources") or {}),
        "startupProbe": _probe("/healthz", periodSeconds=1, failureThreshold=60),
        "livenessProbe": _probe("/healthz", periodSeconds=10, timeoutSeconds=5, failureThreshold=3),
        "readinessProbe": _probe("/readyz", periodSeconds=1),
        "lifecycle": {"preStop": {"sleep": {"seconds": PRE_STOP_SECONDS}}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        # The server's last words, or the end of its log where it had no time for any.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": _mounts(resolved),
    }
    policy = settings.image_pull_policy
    return container | ({"imagePullPolicy": policy} if policy else {})


def _probe(path: str, **timing: int) -> Object:
    return {"httpGet": {"path": path, "port": "ops"}, **timing}


def _resources(wanted: dict[str, dict[str, Any]]) -> Object:
    """The user's resources; the defaults only for what neither requests nor limits mention."""
    mentioned = {name for part in wanted.values() for name in part or ()}
    return {
        part: {name: value for name, value in defaults.items() if name not in mentioned}
        | (wanted.get(part) or {})
        for part, defaults in DEFAULT_RESOURCES.items()
    }


def _mounts(resolved: Resolved) -> list[Object]:
    secrets = {"name": "secrets", "mountPath": "/var/run/secrets/gagarin", "readOnly": True}
    return [
        {"name": "config", "mountPath": "/etc/gagarin", "readOnly": True},
        *([secrets] if resolved.secret_files else []),
        {"name": "api-token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True},
        {"name": "data", "mountPath": "/var/lib/gagarin"},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (a path in the container, a volume of its own)
    ]


def _volumes(resolved: Resolved, revision: str) -> list[Object]:
    secrets = {"defaultMode": SECRET_MODE, "sources": _secret_sources(resolved)}
    return [
        {"name": "config", "configMap": {"name": names.config_name(resolved.config.name, revision)}},
        *([{"name": "secrets", "projected": secrets}] if resolved.secret_files else []),
        {"name": "api-token", "projected": {"defaultMode": SECRET_MODE, "sources": _api_token()}},
        {"name": "data", "emptyDir": {}},
        {"name": "tmp", "emptyDir": {}},
    ]


def _secret_sources(resolved: Resolved) -> list[Object]:
    """One source a Secret, with only the keys that are referred to, at `NAMESPACE/SECRET/KEY`."""
    items: dict[str, list[Object]] = {}
    for file in resolved.secret_files:
        items.setdefault(file.secret, []).append({"key": file.key, "path": file.path})
    return [{"secret": {"name": secret, "items": keys}} for secret, keys in items.items()]


def _api_token() -> list[Object]:
    namespace = {"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}
    return [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": TOKEN_SECONDS}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [namespace]}},
    ]
