"""Several replicas: who sets their number, what keeps some of them up, and how none at all is told."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e import resources
from tests.e2e.caller import ClientPod
from tests.e2e.cluster import Cluster, Object, eventually
from tests.e2e.conftest import CallerOf, condition, is_ready

BURST = (Path(__file__).parent / "burst.py").read_text(encoding="utf-8")
NO_HISTORY = {"type": "None"}
PODS = "gagarin.fyodorov.ai/instance=bot"


@pytest.fixture
def scalable(cluster: Cluster, namespace: str) -> str:
    """A running Instance that keeps no history; its namespace."""
    cluster.apply(resources.agent(namespace), resources.instance(namespace, history=NO_HISTORY))
    eventually("Instance bot is Ready", lambda: cluster.get("Instance", namespace, "bot"), is_ready)
    return namespace


def test_kubectl_scale_sets_the_replicas_and_a_later_apply_leaves_them(
    cluster: Cluster, scalable: str, caller_of: CallerOf
) -> None:
    cluster.kubectl(scalable, "scale", "instances.gagarin.fyodorov.ai", "bot", "--replicas=2")
    eventually("two pods are available", lambda: available(cluster, scalable), lambda count: count == 2)
    scale = json.loads(cluster.kubectl(scalable, "get", "--raw", f"{path(scalable)}/scale"))
    assert scale["status"] == {"replicas": 2, "selector": PODS}
    cluster.apply(resources.instance(scalable, history=NO_HISTORY, title="Two of us"))
    eventually("the Instance is Ready", lambda: cluster.get("Instance", scalable, "bot"), is_ready)
    assert available(cluster, scalable) == 2
    assert caller_of(scalable).chat("Hello").status == 200


def path(namespace: str) -> str:
    return f"/apis/gagarin.fyodorov.ai/v1alpha1/namespaces/{namespace}/instances/bot"


def available(cluster: Cluster, namespace: str) -> int:
    deployment = cluster.get("Deployment", namespace, "bot") or {}
    return int((deployment.get("status") or {}).get("availableReplicas") or 0)


def test_a_disruption_budget_lets_one_of_two_pods_be_evicted_at_a_time(
    cluster: Cluster, namespace: str
) -> None:
    cluster.apply(resources.agent(namespace), resources.instance(namespace, history=NO_HISTORY, replicas=2))
    eventually("Instance bot is Ready", lambda: cluster.get("Instance", namespace, "bot"), is_ready)
    eventually(
        "the budget is counted", lambda: allowed_disruptions(cluster, namespace), lambda left: left == 1
    )
    first, second = (pod["metadata"]["name"] for pod in cluster.list("Pod", namespace, PODS))
    assert cluster.evict(namespace, first) == 201
    assert cluster.evict(namespace, second) == 429


def allowed_disruptions(cluster: Cluster, namespace: str) -> int:
    budget = cluster.get("PodDisruptionBudget", namespace, "bot") or {}
    return int((budget.get("status") or {}).get("disruptionsAllowed", 0))


def test_measured_cpu_scales_the_instance_itself(
    cluster: Cluster, client_pod: ClientPod, namespace: str, caller_of: CallerOf
) -> None:
    busy = {"requests": {"cpu": "10m"}}
    automatic = {"min": 1, "max": 2, "metric": {"averageUtilization": 50}}
    cluster.apply(
        resources.agent(namespace),
        resources.instance(namespace, history=NO_HISTORY, autoscaling=automatic, pod={"resources": busy}),
    )
    eventually("Instance bot is Ready", lambda: cluster.get("Instance", namespace, "bot"), is_ready)
    caller = caller_of(namespace)
    assert caller.chat("Hello").status == 200  # from now on the Service has an endpoint
    with ThreadPoolExecutor(1) as pool:
        burst = pool.submit(
            client_pod.run, BURST, f"http://bot.{namespace}.svc/chat", str(caller.token), "60"
        )
        eventually("two replicas", lambda: replicas(cluster, namespace), lambda count: count == 2)
        eventually("two pods", lambda: available(cluster, namespace), lambda count: count == 2)
        assert json.loads(burst.result(timeout=120))["failed"] == []
    assert condition(cluster.get("Instance", namespace, "bot"), "Ready")["status"] == "True"


def replicas(cluster: Cluster, namespace: str) -> int:
    """What the autoscaler wrote into the Instance's spec."""
    return int((cluster.get("Instance", namespace, "bot") or {})["spec"]["replicas"])


def test_a_suspended_instance_has_no_pods_and_comes_back(
    cluster: Cluster, bot: str, caller_of: CallerOf
) -> None:
    cluster.apply(resources.instance(bot, suspend=True))
    eventually("no pods", lambda: cluster.list("Pod", bot, PODS), lambda pods: not pods)
    told = eventually(
        "it says so",
        lambda: condition(cluster.get("Instance", bot, "bot"), "Ready"),
        lambda ready: ready.get("reason") == "Suspended",
    )
    assert told["status"] == "True", "it is as it was asked to be"
    assert is_settled(cluster.get("Instance", bot, "bot"))
    cluster.apply(resources.instance(bot, suspend=False))
    eventually("the Instance is Ready", lambda: cluster.get("Instance", bot, "bot"), is_ready)
    assert caller_of(bot).chat("Hello").status == 200


def is_settled(item: Object | None) -> bool:
    """Whether nothing goes on and nothing is wrong."""
    return not condition(item, "Reconciling") and not condition(item, "Stalled")
