"""The original's life at the gateway: made, waited for, chatted with, exported, refused, deleted.

The gateway is the chart's, with the rights that the chart gives it. The people are pods with projected
tokens.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from tests.e2e import person, resources
from tests.e2e.caller import Answer, ClientPod
from tests.e2e.cluster import Cluster, Object, eventually
from tests.e2e.conftest import AWAKE, IMAGE, SYSTEM, is_ready, temporary_namespace
from tests.e2e.person import TOKEN, Person

GATEWAY = "app.kubernetes.io/component=gateway"
SECRETS = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create", "patch"]}
AGENT = """
name: Poet
description: Writes.
prompt: Be short.
provider: openai
model: stub-1
"""


def bound(namespace: str, account: str, role: str) -> Object:
    """A RoleBinding of one of the chart's ClusterRoles."""
    return resources.binding(namespace, f"{account}-{role}", account, kind="ClusterRole", name=role)


def arrive(cluster: Cluster, namespace: str, account: str) -> Person:
    """A pod of that account, and the token that the kubelet has put there."""
    cluster.apply(person.pod(IMAGE, namespace, account, AWAKE))
    eventually(f"pod {account} is ready", partial(cluster.get, "Pod", namespace, account), is_ready)
    pod = ClientPod(cluster, namespace, account)
    return Person(pod, namespace, cluster.run_in(namespace, account, "cat", TOKEN))


@pytest.fixture(scope="module")
def team(cluster: Cluster, client_pod: ClientPod) -> Iterator[str]:
    """A namespace where `caller` may edit and chat, and `stranger` may do nothing."""
    with temporary_namespace(cluster) as name:
        cluster.apply(
            bound(name, "caller", "gagarin-edit"),
            bound(name, "caller", "gagarin-chat"),
            resources.role(name, "caller-secrets", SECRETS),
            resources.binding(name, "caller-secrets", "caller", kind="Role", name="caller-secrets"),
        )
        yield name


@pytest.fixture(scope="module")
def editor(cluster: Cluster, team: str) -> Person:
    return arrive(cluster, team, "caller")


@pytest.fixture(scope="module")
def stranger(cluster: Cluster, team: str) -> Person:
    return arrive(cluster, team, "stranger")


@pytest.fixture(scope="module")
def helper(cluster: Cluster, editor: Person) -> str:
    """A provider, a model, an agent and an instance, made as clients of the original made them; its id."""
    provider = {"name": "openai", "api_url": resources.STUB_URL, "api_key": "key-of-rest"}
    model = {"name": "small", "provider": "openai", "model_info": {"mode": "chat", "base_model": "stub-1"}}
    agent = {"name": "My Agent", "description": "Answers.", "prompt": "Be brief.", "model": "small"}
    editor.done("POST", "/providers", provider)
    editor.done("POST", "/models", model)
    assert editor.done("POST", "/agents", agent) == "my-agent"
    made = editor.done("POST", "/instances", {"agent_id": "my-agent", "title": "Front Desk"})
    name = str(made["id"])
    eventually(
        "the instance is ready", partial(editor.done, "GET", f"/instances/{name}"), lambda row: row["ready"]
    )
    return name


def chat(who: Person, instance: str, text: str = "Hello") -> Answer:
    """One question. A pod's Service may need a moment to be known on the node."""
    return eventually(
        "the pod can be connected to",
        partial(who.call, "POST", f"/instances/{instance}/chat", {"input": text}),
        lambda answer: answer.status != 503,
    )


def tokens(events: list[tuple[str, Any]]) -> int:
    """How many tokens the model made, by its own account; several may have come in one event."""
    (usage,) = [data for name, data in events if name == "usage"]
    assert any(name == "token" for name, _ in events)
    return int(usage["completion_tokens"])


def test_a_question_reaches_the_model_with_the_key_that_was_posted(
    cluster: Cluster, editor: Person, helper: str
) -> None:
    answer = chat(editor, helper)
    assert answer.status == 200, answer
    assert 'You said: "Hello"' in answer.json["answer"]
    follow = {"input": "And?", "conversation": answer.json["conversation"]}
    assert "2 earlier messages" in editor.done("POST", f"/instances/{helper}/chat", follow)["answer"]
    secret = cluster.get("Secret", editor.namespace, "openai-key")
    assert secret is not None
    assert secret["metadata"]["ownerReferences"][0]["kind"] == "Provider"
    assert "key-of-rest" not in editor.call("GET", "/providers/openai").text


def test_a_stream_is_text_or_events(editor: Person, helper: str) -> None:
    assert chat(editor, helper).status == 200
    body = {"input": "Hello [stub tokens=3]"}
    plain = editor.call("POST", f"/instances/{helper}/stream", body)
    assert (plain.status, plain.headers["Content-Type"].partition(";")[0]) == (200, "text/plain")
    events = editor.call("POST", f"/instances/{helper}/stream", body, Accept="text/event-stream").events
    assert tokens(events) == 3
    assert events[-1][0] == "done"


def test_a_socket_is_joined_with_the_pods(editor: Person, stranger: Person, helper: str) -> None:
    assert chat(editor, helper).status == 200
    came = editor.socket(helper, "Hello [stub tokens=3]")
    types = [each["type"] for each in came]
    assert (types[0], "token" in types, types[-1]) == ("history", True, "done")
    assert stranger.socket(helper, "Hello") == 403


def test_an_agent_comes_from_yaml(editor: Person, helper: str) -> None:
    assert editor.done("POST", "/agents/from-yaml", AGENT) == "poet"
    row = editor.done("GET", "/agents/poet")
    assert (row["prompt"], row["model"], row["provider"]) == ("Be short.", "stub-1", "openai")


def test_an_export_is_imported_and_changes_nothing(cluster: Cluster, editor: Person, helper: str) -> None:
    exported = editor.call("GET", "/yaml").text
    assert "key-of-rest" not in exported
    before = {name: cluster.get(kind, editor.namespace, name) for kind, name in made(helper)}
    editor.done("POST", "/yaml", exported)
    for kind, name in made(helper):
        was, item = before[name], cluster.get(kind, editor.namespace, name)
        assert was is not None
        assert item is not None
        assert item["spec"] == was["spec"]
        assert item["metadata"]["generation"] == was["metadata"]["generation"]


def made(helper: str) -> list[tuple[str, str]]:
    return [("Provider", "openai"), ("Model", "small"), ("Agent", "my-agent"), ("Instance", helper)]


def test_who_has_no_rights_is_told_which_one_is_missing(stranger: Person, helper: str) -> None:
    for method, path, body, missing in (
        ("GET", "/agents", None, "agents"),
        ("POST", "/providers", {"name": "mistral"}, "providers"),
        ("DELETE", f"/instances/{helper}", None, "instances"),
        ("POST", "/yaml", "providers: [{name: mistral}]", "providers"),
    ):
        answer = stranger.call(method, path, body)
        assert answer.status == 403, (path, answer)
        assert re.search(f'stranger.* cannot [a-z]+ resource "{missing}"', answer.json["detail"])
        assert answer.headers["Content-Type"] == "application/problem+json"
    answer = chat(stranger, helper)
    assert answer.status == 403
    assert f"system:serviceaccount:{stranger.namespace}:stranger may not create" in answer.text


def test_rights_in_one_namespace_are_none_in_another(editor: Person, helper: str, standing_bot: str) -> None:
    elsewhere = replace(editor, namespace=standing_bot)
    for method, path, body in (
        ("GET", "/instances", None),
        ("POST", "/agents/from-yaml", AGENT),
        ("POST", "/instances/bot/chat", {"input": "Hello"}),
    ):
        answer = elsewhere.call(method, path, body)
        assert answer.status == 403, (path, answer)
        assert standing_bot in answer.json["detail"]


def test_a_stream_outlives_the_gateways_pods(cluster: Cluster, editor: Person, helper: str) -> None:
    assert chat(editor, helper).status == 200
    body = {"input": "[stub tokens=100 between_tokens=0.1]"}
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(
            editor.call, "POST", f"/instances/{helper}/stream", body, Accept="text/event-stream"
        )
        eventually("the gateway is at it", lambda: relays(cluster), lambda count: count > 0)
        began = time.monotonic()
        for pod in cluster.list("Pod", SYSTEM, GATEWAY):
            cluster.delete("Pod", SYSTEM, pod["metadata"]["name"])
        events = slow.result(timeout=60).events
    assert time.monotonic() - began > 1, "it went on while they were asked to end"
    assert tokens(events) == 100
    assert events[-1][0] == "done"
    assert chat(editor, helper).status == 200


def relays(cluster: Cluster) -> float:
    """Chats under way in all pods of the gateway, as their metrics have it."""
    names = [pod["metadata"]["name"] for pod in cluster.list("Pod", SYSTEM, GATEWAY)]
    texts = [cluster.run_in(SYSTEM, name, "python3", "-c", METRICS) for name in names]
    lines = [line for text in texts for line in text.splitlines()]
    return sum(float(line.split()[1]) for line in lines if line.startswith("gagarin_gateway_relays "))


METRICS = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8081/metrics').read().decode())"


def test_what_is_deleted_is_gone_with_its_pods_and_its_key(
    cluster: Cluster, editor: Person, helper: str
) -> None:
    editor.done("DELETE", f"/instances/{helper}")
    editor.done("DELETE", "/agents/my-agent")
    editor.done("DELETE", "/models/small")
    assert editor.done("DELETE", "/providers/openai") == {"detail": "Provider deleted successfully"}
    assert editor.call("GET", f"/instances/{helper}").status == 404
    question = partial(editor.call, "POST", f"/instances/{helper}/chat", {"input": "Hello"})
    eventually("nothing answers any more", question, lambda answer: answer.status == 404)
    gone = partial(cluster.get, namespace=editor.namespace)
    eventually("the key is gone", lambda: gone("Secret", name="openai-key"), lambda left: left is None)
    eventually("the pods are gone", lambda: gone("Deployment", name=helper), lambda left: left is None)
