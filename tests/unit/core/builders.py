"""Small resources for tests of the core: each builder gives the least that works, plus what the test says."""

from __future__ import annotations

import base64
from typing import Any

from gagarin.api.kinds import API_VERSION
from gagarin.core import names
from gagarin.core.objects import Object, ObjectMap
from gagarin.core.resolve import Policy, Resolution, Resolved, resolve

NAMESPACE = "demo"
ANYTHING_GOES = Policy()
NOW = "2026-01-01T00:10:00Z"
# Of an authority that never was: its key is lost.
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBfDCCASGgAwIBAgIULO7BzlyAB1WON3L/b3FHrXvb/MwwCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHRXhhbXBsZTAgFw0yNjExMjIyMjU0NDVaGA8yMTI2MTAyOTIy
NTQ0NVowEjEQMA4GA1UEAwwHRXhhbXBsZTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABAqTu2ctE83FTUvdCHtbI9u3yk9+poZsx6wYquNYZXVxuLHZc4JscMJ4hHPU
S9Q3SdHro73jJJ4jydkd+6R/ghSjUzBRMB0GA1UdDgQWBBR2XKnSxu/eCPNNlJPg
DgHBzL29iDAfBgNVHSMEGDAWgBR2XKnSxu/eCPNNlJPgDgHBzL29iDAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQDeOa38rTPf3U9UJcRnRTcIdnRU
sXM30IC/PyiDvk1N7QIhAM9gzVW+CPdfwPtThzyY8CvBgLfia8Ff5HLmE6UoekQr
-----END CERTIFICATE-----
"""


def resource(kind: str, name: str, spec: dict[str, Any], namespace: str = NAMESPACE) -> Object:
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-of-{name}", "generation": 1},
        "spec": spec,
    }


def provider(name: str = "openai", namespace: str = NAMESPACE, **spec: Any) -> Object:
    return resource("Provider", name, {"type": "OpenAI"} | spec, namespace)


def model(name: str = "fast", namespace: str = NAMESPACE, **spec: Any) -> Object:
    return resource("Model", name, {"providerRef": {"name": "openai"}, "model": "gpt-5"} | spec, namespace)


def agent(name: str = "support", namespace: str = NAMESPACE, **spec: Any) -> Object:
    chosen = {} if "modelRef" in spec else {"model": {"providerRef": {"name": "openai"}, "name": "gpt-5"}}
    prompt = {} if "promptFrom" in spec else {"prompt": "Be kind."}
    return resource("Agent", name, chosen | prompt | spec, namespace)


def instance(name: str = "support", namespace: str = NAMESPACE, **spec: Any) -> Object:
    return resource("Instance", name, {"agentRef": {"name": "support"}} | spec, namespace)


def tool(name: str = "search", namespace: str = NAMESPACE, **spec: Any) -> Object:
    kind = {} if "type" in spec else {"type": "MCP", "mcp": {"url": "https://tools.example.com/mcp"}}
    return resource("Tool", name, kind | spec, namespace)


def secret(name: str = "openai", namespace: str = NAMESPACE, **data: str) -> Object:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data or {"key": "eA=="}}


def config_map(name: str, data: dict[str, str], namespace: str = NAMESPACE) -> Object:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def namespace(name: str, **labels: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def secret_ref(name: str = "openai", key: str = "key") -> dict[str, Any]:
    return {"secretKeyRef": {"name": name, "key": key}}


def encoded(text: str) -> str:
    """A value as a Secret has it."""
    return base64.b64encode(text.encode()).decode()


def look(item: Object, *others: Object, policy: Policy = ANYTHING_GOES) -> Resolution:
    """Resolve `item` in a world of itself and the others."""
    return resolve(item, ObjectMap([item, *others]), policy)


def resolved(item: Object, *others: Object, policy: Policy = ANYTHING_GOES) -> Resolved:
    """The same, of an Instance that has no problem."""
    resolution = look(item, *others, policy=policy)
    assert resolution.resolved is not None, resolution.problems
    return resolution.resolved


def told(resolution: Resolution) -> list[tuple[str, str]]:
    """The reasons and messages of what is wrong."""
    return [(problem.reason, problem.message) for problem in resolution.problems]


def deployment(revision: str, wanted: int = 1, *, generation: int = 2, **status: Any) -> Object:
    """A live Deployment of the Instance `support`; every pod available unless `status` says otherwise."""
    counts = {"replicas": wanted, "updatedReplicas": wanted, "availableReplicas": wanted}
    return {
        "kind": "Deployment",
        "metadata": {"name": "support", "namespace": NAMESPACE, "generation": generation},
        "spec": {
            "replicas": wanted,
            "template": {"metadata": {"labels": {names.REVISION: revision}}},
        },
        "status": {"observedGeneration": generation} | counts | status,
    }


def replica_set(revision: str, available: int, created: str = "2026-01-01T00:00:00Z") -> Object:
    metadata = {
        "name": f"support-{revision}",
        "labels": {names.REVISION: revision},
        "creationTimestamp": created,
    }
    return {"kind": "ReplicaSet", "metadata": metadata, "status": {"availableReplicas": available}}


def volume_claim(phase: str, storage_class: str | None = None) -> Object:
    """The live PersistentVolumeClaim of the Instance `support`."""
    spec = {"storageClassName": storage_class} if storage_class else {}
    metadata = {"name": "support-data", "namespace": NAMESPACE}
    return {"kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec, "status": {"phase": phase}}


def pod(revision: str, name: str = "support-x", **status: Any) -> Object:
    metadata = {"name": name, "labels": {names.REVISION: revision}}
    return {"kind": "Pod", "metadata": metadata, "status": status}


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    """Status of a pod whose container waits."""
    state = {"waiting": {"reason": reason, "message": message}}
    return {"containerStatuses": [{"name": "chat", "image": "img:1", "ready": False, "state": state} | more]}
