"""Children for several replicas: what keeps some of them up, and what changes their number.

The autoscaler targets the Instance, not its Deployment: `spec.replicas` of the Instance is the one number
that everybody who scales sets, by way of the scale subresource. It measures the chat container alone, so that
a sidecar neither hides nor feigns work.
"""

from __future__ import annotations

from gagarin.api.kinds import API_VERSION
from gagarin.core import names
from gagarin.core.children import child
from gagarin.core.containers import CHAT
from gagarin.core.objects import Object
from gagarin.core.resolved import Resolved

# Rounded up by Kubernetes: one of 2 to 4 pods, two of 5 to 8.
MAX_UNAVAILABLE = "25%"


def disruption_budget(resolved: Resolved) -> list[Object]:
    """The PodDisruptionBudget, where there can be more than one pod: a drain then takes a few at a time. Pods
    that do not work anyway never hold one up."""
    autoscaling = resolved.spec.autoscaling
    most = max(resolved.spec.replicas, autoscaling.max if autoscaling else 0)
    if most <= 1:
        return []
    manifest = child(resolved, "policy/v1", "PodDisruptionBudget", resolved.config.name)
    manifest["spec"] = {
        "maxUnavailable": MAX_UNAVAILABLE,
        "selector": {"matchLabels": names.selector(resolved.config.name)},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }
    return [manifest]


def autoscaler(resolved: Resolved) -> list[Object]:
    """The HorizontalPodAutoscaler, if one is wanted and there are pods to measure."""
    options = resolved.spec.autoscaling
    if options is None or resolved.spec.suspend:
        return []
    name = resolved.config.name
    target = {"type": "Utilization", "averageUtilization": options.metric.average_utilization}
    measured = {"name": options.metric.type.lower(), "container": CHAT, "target": target}
    manifest = child(resolved, "autoscaling/v2", "HorizontalPodAutoscaler", name)
    manifest["spec"] = {
        "scaleTargetRef": {"apiVersion": API_VERSION, "kind": "Instance", "name": name},
        "minReplicas": options.min,
        "maxReplicas": options.max,
        "metrics": [{"type": "ContainerResource", "containerResource": measured}],
    }
    return [manifest]
