"""The pod template of an Instance: what the user says of its pods, around what the product needs.

Nothing in it fixes a user or a group unless the installation says so: OpenShift assigns them and refuses
fixed ones, while elsewhere a volume is writable for a non-root user only by way of `fsGroup`.
"""

from __future__ import annotations

import math
from typing import Any

from gagarin.core import names
from gagarin.core.containers import chat, sidecars
from gagarin.core.objects import Object
from gagarin.core.resolved import Resolved
from gagarin.core.settings import RenderSettings
from gagarin.core.volumes import volumes

# After the longest answer: preStop, and closing what is open.
GRACE_SECONDS = 15
# Fields of spec.pod that are a pod's own fields by the same name.
COPIED = ("nodeSelector", "tolerations", "affinity", "priorityClassName", "runtimeClassName")


def pod_template(resolved: Resolved, settings: RenderSettings, revision: str) -> Object:
    """The template of the Deployment, as of one revision."""
    options = _options(resolved)
    labels = (options.get("labels") or {}) | names.labels(resolved.config.name) | {names.REVISION: revision}
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
    timeout = math.ceil(resolved.config.limits.request_timeout)
    spec: Object = {
        "serviceAccountName": service_account(resolved),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": timeout + GRACE_SECONDS,
        "securityContext": _security_context(resolved, settings),
    }
    if beside := sidecars(resolved, settings):
        spec["initContainers"] = beside
    spec |= {"containers": [chat(resolved, settings)], "volumes": volumes(resolved, revision)}
    return spec | _placement(resolved) | _pull_secrets(resolved, settings)


def _security_context(resolved: Resolved, settings: RenderSettings) -> Object:
    context: Object = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    if resolved.config.history.type == "Persistent" and settings.fs_group is not None:
        context |= {"fsGroup": settings.fs_group, "fsGroupChangePolicy": "OnRootMismatch"}
    return context


def _placement(resolved: Resolved) -> Object:
    options = _options(resolved)
    spec: Object = {field: options[field] for field in COPIED if options.get(field)}
    if options.get("topologySpreadConstraints"):
        own_pods = {"labelSelector": {"matchLabels": names.selector(resolved.config.name)}}
        spread = [own_pods | constraint for constraint in options["topologySpreadConstraints"]]
        spec["topologySpreadConstraints"] = spread
    return spec


def _pull_secrets(resolved: Resolved, settings: RenderSettings) -> Object:
    """Those of the operator's settings and the user's, each once."""
    own = (secret.name for secret in resolved.spec.pod.image_pull_secrets)
    secrets = dict.fromkeys((*settings.image_pull_secrets, *own))
    return {"imagePullSecrets": [{"name": name} for name in secrets]} if secrets else {}
