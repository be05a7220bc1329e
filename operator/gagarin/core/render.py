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

from gagarin.api.kinds import API_VERSION
from gagarin.core import config, names
from gagarin.core.objects import Object
from gagarin.core.podtemplate import RenderSettings, pod_template, service_account
from gagarin.core.resolve import Resolved

__all__ = ["RenderSettings", "render", "revision_of"]


def render(resolved: Resolved, settings: RenderSettings) -> list[Object]:
    """The children in the order to apply: ServiceAccount (unless the user names one), RoleBinding,
    ConfigMap, Deployment, Service."""
    revision = _revision(resolved, settings)
    children = [
        _role_binding(resolved),
        _config_map(resolved, revision),
        _deployment(resolved, settings, revision),
        _service(resolved),
    ]
    if resolved.spec.pod.service_account_name is None:
        children.insert(0, _service_account(resolved))
    return children


def revision_of(children: Sequence[Object]) -> str:
    """The revision of the Deployment among children, rendered or live; "" when there is none."""
    deployment = next((child for child in children if child["kind"] == "Deployment"), {})
    template = deployment.get("spec", {}).get("template", {})
    revision: str = template.get("metadata", {}).get("labels", {}).get(names.REVISION, "")
    return revision


def _revision(resolved: Resolved, settings: RenderSettings) -> str:
    template = pod_template(resolved, settings, resolved.config.revision)
    return hashlib.sha256(msgspec.json.encode(template, order="sorted")).hexdigest()[:10]


def _child(resolved: Resolved, api_version: str, kind: str, name: str) -> Object:
    """What every child begins with: type, name, labels, owner."""
    metadata: Object = {
        "name": name,
        "namespace": resolved.config.namespace,
        "labels": names.labels(resolved.config.name),
    }
    uid = resolved.instance["metadata"].get("uid")
    if uid:  # rendered from a file, there is no owner yet
        metadata["ownerReferences"] = [_owner(resolved.config.name, uid)]
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _owner(name: str, uid: str) -> Object:
    return {
        "apiVersion": API_VERSION,
        "kind": "Instance",
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _service_account(resolved: Resolved) -> Object:
    account = _child(resolved, "v1", "ServiceAccount", names.account_name(resolved.config.name))
    return account | {"automountServiceAccountToken": False}


def _role_binding(resolved: Resolved) -> Object:
    name = names.account_name(resolved.config.name)
    binding = _child(resolved, "rbac.authorization.k8s.io/v1", "RoleBinding", name)
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": names.CLUSTER_ROLE}
    subject = {
        "kind": "ServiceAccount",
        "name": service_account(resolved),
        "namespace": resolved.config.namespace,
    }
    return binding | {"roleRef": role, "subjects": [subject]}


def _config_map(resolved: Resolved, revision: str) -> Object:
    text = config.encode(msgspec.structs.replace(resolved.config, revision=revision))
    config_map = _child(resolved, "v1", "ConfigMap", names.config_name(resolved.config.name, revision))
    return config_map | {"immutable": True, "data": {config.FILE_NAME: text}}


def _deployment(resolved: Resolved, settings: RenderSettings, revision: str) -> Object:
    deployment = _child(resolved, "apps/v1", "Deployment", resolved.config.name)
    deployment["spec"] = {
        "replicas": 0 if resolved.spec.suspend else resolved.spec.replicas,
        "revisionHistoryLimit": 1,
        "selector": {"matchLabels": names.selector(resolved.config.name)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
        "template": pod_template(resolved, settings, revision),
    }
    return deployment


def _service(resolved: Resolved) -> Object:
    service = _child(resolved, "v1", "Service", resolved.config.name)
    if resolved.spec.service.annotations:
        service["metadata"]["annotations"] = resolved.spec.service.annotations
    port = {"name": "http", "port": 80, "targetPort": "chat", "protocol": "TCP", "appProtocol": "http"}
    service["spec"] = {
        "type": resolved.spec.service.type,
        "selector": names.selector(resolved.config.name),
        "ports": [port],
    }
    return service
