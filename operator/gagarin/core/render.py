"""From a resolved Instance to its children, the manifests that the operator applies. Pure and deterministic.

One revision names everything a pod is made from: it is a digest of the configuration and the pod template,
it is in the name of the immutable ConfigMap, on the pods, in the configuration and in the status. Values of
Secrets are not part of it: rotating a key rolls nothing. The children share parts with the Instance they
were made from; nobody changes either in place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from gagarin.core import names
from gagarin.core.children import child
from gagarin.core.network import network_policy, service
from gagarin.core.objects import Object
from gagarin.core.podtemplate import pod_template, service_account
from gagarin.core.resolved import Resolved
from gagarin.core.scaling import autoscaler, disruption_budget
from gagarin.core.settings import RenderSettings
from gagarin.core.storage import configuration, copies, volume_claim

__all__ = ["RenderSettings", "render", "revision_of"]

# A rollout that makes no progress for so long has failed.
PROGRESS_SECONDS = 300


def render(resolved: Resolved, settings: RenderSettings) -> list[Object]:
    """The children in the order to apply: what pods need, the Deployment, and what needs pods."""
    revision = _revision(resolved, settings)
    return [
        *_service_account(resolved),
        _role_binding(resolved),
        *copies(resolved),
        configuration(resolved, revision, settings.ca_bundle),
        *volume_claim(resolved),
        network_policy(resolved, settings),
        _deployment(resolved, settings, revision),
        service(resolved),
        *disruption_budget(resolved),
        *autoscaler(resolved),
    ]


def revision_of(children: Sequence[Object]) -> str:
    """The revision of the Deployment among children, rendered or live; "" when there is none."""
    deployment = next((child for child in children if child["kind"] == "Deployment"), {})
    template = deployment.get("spec", {}).get("template", {})
    revision: str = template.get("metadata", {}).get("labels", {}).get(names.REVISION, "")
    return revision


def _revision(resolved: Resolved, settings: RenderSettings) -> str:
    template = pod_template(resolved, settings, resolved.config.revision)
    encoded = msgspec.json.encode((template, settings.ca_bundle), order="sorted")
    return hashlib.sha256(encoded).hexdigest()[:10]


def _service_account(resolved: Resolved) -> list[Object]:
    if resolved.spec.pod.service_account_name is not None:
        return []
    account = child(resolved, "v1", "ServiceAccount", names.account_name(resolved.config.name))
    if resolved.spec.pod.service_account_annotations:
        account["metadata"]["annotations"] = resolved.spec.pod.service_account_annotations
    return [account | {"automountServiceAccountToken": False}]


def _role_binding(resolved: Resolved) -> Object:
    name = names.account_name(resolved.config.name)
    binding = child(resolved, "rbac.authorization.k8s.io/v1", "RoleBinding", name)
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": names.CLUSTER_ROLE}
    subject = {
        "kind": "ServiceAccount",
        "name": service_account(resolved),
        "namespace": resolved.config.namespace,
    }
    return binding | {"roleRef": role, "subjects": [subject]}


def _deployment(resolved: Resolved, settings: RenderSettings, revision: str) -> Object:
    deployment = child(resolved, "apps/v1", "Deployment", resolved.config.name)
    deployment["spec"] = {
        "replicas": 0 if resolved.spec.suspend else resolved.spec.replicas,
        "revisionHistoryLimit": 1,
        "progressDeadlineSeconds": PROGRESS_SECONDS,
        "selector": {"matchLabels": names.selector(resolved.config.name)},
        "strategy": _strategy(resolved),
        "template": pod_template(resolved, settings, revision),
    }
    return deployment


def _strategy(resolved: Resolved) -> Object:
    """A volume has one writer, so its pod goes before the next one comes; all others come first."""
    if resolved.config.history.type == "Persistent":
        return {"type": "Recreate"}
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}}
