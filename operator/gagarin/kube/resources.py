"""The kinds we speak about, and where the API server serves them.

They are declared instead of discovered: we know what we use, and a program that asks for less needs fewer
rights and starts faster.
"""

from __future__ import annotations

from dataclasses import dataclass

GROUP = "gagarin.fyodorov.ai"


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind and its place in the API. The core group is ""."""

    kind: str
    plural: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """As manifests spell it: `apps/v1`, or `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        """The URL path of an object, or of a collection when there is no name. A collection of a namespaced
        kind without a namespace is that of all namespaces."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return "".join(
            [root, scope, f"/{self.plural}", *(f"/{part}" for part in (name, subresource) if part)]
        )


PROVIDER = Resource("Provider", "providers", GROUP, "v1alpha1")
MODEL = Resource("Model", "models", GROUP, "v1alpha1")
TOOL = Resource("Tool", "tools", GROUP, "v1alpha1")
AGENT = Resource("Agent", "agents", GROUP, "v1alpha1")
INSTANCE = Resource("Instance", "instances", GROUP, "v1alpha1")

CLUSTER_ROLE_BINDING = Resource(
    "ClusterRoleBinding", "clusterrolebindings", "rbac.authorization.k8s.io", namespaced=False
)
CONFIG_MAP = Resource("ConfigMap", "configmaps")
DEPLOYMENT = Resource("Deployment", "deployments", "apps")
EVENT = Resource("Event", "events", "events.k8s.io")
HORIZONTAL_POD_AUTOSCALER = Resource(
    "HorizontalPodAutoscaler", "horizontalpodautoscalers", "autoscaling", "v2"
)
LEASE = Resource("Lease", "leases", "coordination.k8s.io")
NAMESPACE = Resource("Namespace", "namespaces", namespaced=False)
NETWORK_POLICY = Resource("NetworkPolicy", "networkpolicies", "networking.k8s.io")
PERSISTENT_VOLUME_CLAIM = Resource("PersistentVolumeClaim", "persistentvolumeclaims")
POD = Resource("Pod", "pods")
POD_DISRUPTION_BUDGET = Resource("PodDisruptionBudget", "poddisruptionbudgets", "policy")
REPLICA_SET = Resource("ReplicaSet", "replicasets", "apps")
ROLE_BINDING = Resource("RoleBinding", "rolebindings", "rbac.authorization.k8s.io")
SECRET = Resource("Secret", "secrets")
SERVICE = Resource("Service", "services")
SERVICE_ACCOUNT = Resource("ServiceAccount", "serviceaccounts")

OURS = (PROVIDER, MODEL, TOOL, AGENT, INSTANCE)
BY_KIND = {
    resource.kind: resource
    for resource in (
        *OURS,
        CLUSTER_ROLE_BINDING,
        CONFIG_MAP,
        DEPLOYMENT,
        EVENT,
        HORIZONTAL_POD_AUTOSCALER,
        LEASE,
        NAMESPACE,
        NETWORK_POLICY,
        PERSISTENT_VOLUME_CLAIM,
        POD,
        POD_DISRUPTION_BUDGET,
        REPLICA_SET,
        ROLE_BINDING,
        SECRET,
        SERVICE,
        SERVICE_ACCOUNT,
    )
}
