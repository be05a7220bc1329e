"""References on a real cluster: across namespaces with credentials, and to texts that change."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e import resources
from tests.e2e.cluster import Cluster, Object, eventually
from tests.e2e.conftest import CallerOf, condition, is_ready, temporary_namespace

INSTANCE = "gagarin.fyodorov.ai/instance=bot"
SHARED = {"from": "Selector", "selector": {"matchLabels": {"team": "e2e"}}, "credentials": "Copy"}


@pytest.fixture
def owner(cluster: Cluster, namespace: str) -> Iterator[str]:
    """Another namespace, with a Provider that the namespaces with the label team=e2e may use."""
    with temporary_namespace(cluster) as name:
        cluster.apply(resources.provider(name, allowedNamespaces=SHARED))
        yield name


def borrower(namespace: str, owner: str) -> list[Object]:
    """An Agent that uses the other namespace's Provider, and its Instance."""
    model = {"providerRef": {"name": "model", "namespace": owner}, "name": "stub-1"}
    return [
        resources.agent(namespace) | {"spec": {"prompt": "Be brief.", "model": model}},
        resources.instance(namespace),
    ]


def test_a_provider_of_another_namespace_is_used_as_long_as_it_permits_it(
    cluster: Cluster, namespace: str, owner: str, caller_of: CallerOf
) -> None:
    cluster.apply(*borrower(namespace, owner))
    eventually("it is not permitted", lambda: reason(cluster, namespace), lambda it: it == "RefNotPermitted")
    assert not copies(cluster, namespace)

    label(cluster, namespace, "e2e")
    eventually("the Instance is Ready", lambda: cluster.get("Instance", namespace, "bot"), is_ready)
    before = caller_of(namespace).chat("Hello").json["answer"]
    assert len(copies(cluster, namespace)) == 1

    cluster.apply(resources.secret(owner, value="key-two"))
    eventually(
        "the rotated key is used",
        lambda: caller_of(namespace).chat("Hello").json["answer"],
        lambda now: key_in(now) != key_in(before),
        timeout=40,  # a kubelet that nobody nudges looks once a minute
    )

    label(cluster, namespace, "other")
    eventually("the pods are gone", lambda: cluster.list("Pod", namespace, INSTANCE), lambda pods: not pods)
    eventually("the copy is gone", lambda: copies(cluster, namespace), lambda left: not left)
    assert reason(cluster, namespace) == "RefNotPermitted"


def label(cluster: Cluster, namespace: str, team: str) -> None:
    cluster.patch("Namespace", "", namespace, {"metadata": {"labels": {"team": team}}})


def reason(cluster: Cluster, namespace: str) -> str:
    return str(condition(cluster.get("Instance", namespace, "bot"), "ResolvedRefs").get("reason"))


def copies(cluster: Cluster, namespace: str) -> list[Object]:
    return cluster.list("Secret", namespace, INSTANCE)


def key_in(answer: str) -> str:
    """The fingerprint of the key that the model was asked with."""
    return answer.rsplit("sha256:", 1)[1][:12]


def test_a_changed_text_of_the_prompt_rolls_exactly_once(
    cluster: Cluster, namespace: str, caller_of: CallerOf
) -> None:
    agent = resources.agent(namespace)
    del agent["spec"]["prompt"]
    agent["spec"]["promptFrom"] = {"configMapKeyRef": {"name": "texts", "key": "prompt"}}
    cluster.apply(agent, resources.instance(namespace))
    for count, prompt in enumerate(("Be brief.", "Be verbose.", "Be kind."), start=1):
        cluster.apply(resources.config_map(namespace, "texts", prompt=prompt, unused=f"text {count}"))
        answers_with(cluster, caller_of, namespace, prompt)
        assert rollouts(cluster, namespace) == count


def answers_with(cluster: Cluster, caller_of: CallerOf, namespace: str, prompt: str) -> None:
    eventually(
        f"revision with {prompt!r} is Ready",
        lambda: cluster.get("Instance", namespace, "bot"),
        lambda item: is_ready(item) and prompt in caller_of(namespace).chat("Hello").text,
    )


def rollouts(cluster: Cluster, namespace: str) -> int:
    """How many pod templates the Deployment has had."""
    deployment = cluster.get("Deployment", namespace, "bot")
    assert deployment is not None
    return int(deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"])
