"""Builders of the resources that the tests apply: what a test does not name has a sensible value."""

from __future__ import annotations

import base64
from typing import Any

from tests.e2e.cluster import GAGARIN, Object

STUB_URL = "http://model-stub.gagarin-e2e.svc/v1"
CHAT_VERBS = ["create", "get", "delete"]
RBAC = "rbac.authorization.k8s.io/v1"


def namespace(name: str) -> Object:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def secret(namespace: str, name: str = "model-key", value: str = "key-one", key: str = "api-key") -> Object:
    data = {key: base64.b64encode(value.encode()).decode()}
    return _object("v1", "Secret", namespace, name) | {"data": data}


def certificate(namespace: str, name: str, pair: tuple[str, str]) -> Object:
    """A Secret of type kubernetes.io/tls with a certificate and its key, both PEM."""
    data = {"tls.crt": pair[0], "tls.key": pair[1]}
    return _object("v1", "Secret", namespace, name) | {"type": "kubernetes.io/tls", "stringData": data}


def config_map(namespace: str, name: str, **data: str) -> Object:
    return _object("v1", "ConfigMap", namespace, name) | {"data": data}


def provider(namespace: str, name: str = "model", url: str = STUB_URL, **spec: Any) -> Object:
    key = {"secretKeyRef": {"name": "model-key", "key": "api-key"}}
    return _gagarin("Provider", namespace, name, type="OpenAICompatible", url=url, apiKey=key, **spec)


def agent(
    namespace: str, name: str = "agent", prompt: str = "Be brief.", provider: str = "model", **spec: Any
) -> Object:
    model = {"providerRef": {"name": provider}, "name": "stub-1"}
    return _gagarin("Agent", namespace, name, prompt=prompt, model=model, **spec)


def tool(namespace: str, name: str, type_: str, **member: Any) -> Object:
    """A Tool; `member` is the one field that its type names, and what else its spec has."""
    return _gagarin("Tool", namespace, name, type=type_, **member)


def uses(*tools: str) -> list[Object]:
    """What an Agent's `tools` says of Tools of its own namespace."""
    return [{"toolRef": {"name": name}} for name in tools]


def instance(namespace: str, name: str = "bot", agent: str = "agent", **spec: Any) -> Object:
    return _gagarin("Instance", namespace, name, agentRef={"name": agent}, **spec)


def quota(namespace: str, **hard: str) -> Object:
    return _object("v1", "ResourceQuota", namespace, "quota") | {"spec": {"hard": hard}}


def service_account(namespace: str, name: str) -> Object:
    return _object("v1", "ServiceAccount", namespace, name)


def grant(namespace: str, account: str, instance: str = "bot") -> list[Object]:
    """A Role for the chats of one Instance and its RoleBinding to a ServiceAccount of the namespace."""
    rule = {
        "apiGroups": ["gagarin.fyodorov.ai"],
        "resources": ["instances/chat"],
        "resourceNames": [instance],
        "verbs": CHAT_VERBS,
    }
    name = f"{account}-{instance}"
    return [role(namespace, name, rule), binding(namespace, name, account, kind="Role", name=name)]


def role(namespace: str, name: str, *rules: Object) -> Object:
    return _object(RBAC, "Role", namespace, name) | {"rules": list(rules)}


def binding(namespace: str, called: str, account: str, *, kind: str, name: str) -> Object:
    """A RoleBinding of a Role or ClusterRole to a ServiceAccount of the namespace."""
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
    return _object(RBAC, "RoleBinding", namespace, called) | {"roleRef": reference, "subjects": [subject]}


def python_pod(image: str, namespace: str, name: str, *command: str, port: int | None = None) -> Object:
    """A restricted pod of the product's image, ready at once or when its port answers /healthz."""
    container: Object = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(command),
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    if port:
        container["readinessProbe"] = {"httpGet": {"path": "/healthz", "port": port}, "periodSeconds": 1}
    pod = _object("v1", "Pod", namespace, name)
    pod["metadata"]["labels"] = {"app": name}
    pod["spec"] = {
        "containers": [container],
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "terminationGracePeriodSeconds": 1,
    }
    return pod


def service(namespace: str, name: str, port: int) -> Object:
    spec = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": port}]}
    return _object("v1", "Service", namespace, name) | {"spec": spec}


def _gagarin(kind: str, namespace: str, name: str, **spec: Any) -> Object:
    return _object(GAGARIN, kind, namespace, name) | {"spec": spec}


def _object(api_version: str, kind: str, namespace: str, name: str) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"namespace": namespace, "name": name}}
