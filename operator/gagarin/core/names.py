"""What the children of an Instance are called, and the labels and annotations that the product sets.

An Instance's name has at most 52 characters, so that every name made from it fits where 63 are the limit.
"""

from __future__ import annotations

FIELD_MANAGER = "gagarin"
CLUSTER_ROLE = "gagarin-instance"
MANAGED_BY = "app.kubernetes.io/managed-by"
INSTANCE = "gagarin.fyodorov.ai/instance"
REVISION = "gagarin.fyodorov.ai/revision"
# Set by the operator on running pods, never in the template: a change makes the kubelet refresh volumes.
SECRETS_REVISION = "gagarin.fyodorov.ai/secrets-revision"


def account_name(instance: str) -> str:
    """The ServiceAccount (and its RoleBinding) that is made for an Instance."""
    return f"{instance}-agent"


def config_name(instance: str, revision: str) -> str:
    """The immutable ConfigMap of one revision; a revision is 10 hexadecimal digits."""
    return f"{instance}-{revision}"


def labels(instance: str) -> dict[str, str]:
    """The labels of every child."""
    return {
        "app.kubernetes.io/name": "gagarin-agent",
        "app.kubernetes.io/instance": instance,
        "app.kubernetes.io/component": "chat-server",
        "app.kubernetes.io/part-of": "gagarin",
        MANAGED_BY: "gagarin",
        INSTANCE: instance,
    }


def selector(instance: str) -> dict[str, str]:
    """The labels that tell the pods of an Instance from all others."""
    return {INSTANCE: instance}


def url(instance: str, namespace: str) -> str:
    """Where an Instance is reached inside the cluster."""
    return f"http://{instance}.{namespace}.svc"
