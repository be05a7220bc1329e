"""Chatting with an Instance, from a pod of the cluster."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.e2e import resources
from tests.e2e.caller import ClientPod
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.conftest import CallerOf, is_ready

BURST = (Path(__file__).parent / "burst.py").read_text(encoding="utf-8")


def test_an_agent_answers_with_its_prompt_its_model_and_its_key(
    standing_bot: str, caller_of: CallerOf
) -> None:
    answer = caller_of(standing_bot).chat("Hello")
    assert answer.status == 200, answer
    assert 'You said: "Hello"' in answer.json["answer"]
    assert "stub-1" in answer.json["answer"]
    assert '"Be brief.' in answer.json["answer"]


def test_a_conversation_goes_on(standing_bot: str, caller_of: CallerOf) -> None:
    caller = caller_of(standing_bot)
    first = caller.chat("Hello").json
    second = caller.chat("And again", first["conversation"]).json
    assert second["conversation"] == first["conversation"]
    assert "2 earlier messages" in second["answer"]


def test_a_stream_comes_token_by_token_and_ends_with_done(standing_bot: str, caller_of: CallerOf) -> None:
    events = caller_of(standing_bot).stream("Hello [stub tokens=6 between_tokens=0.3]").events
    names = [name for name, _ in events]
    assert names.count("token") > 1
    assert names[-2:] == ["usage", "done"]


def test_a_stream_survives_a_change_of_the_prompt_and_the_next_answer_has_it(
    cluster: Cluster, client_pod: ClientPod, bot: str, caller_of: CallerOf
) -> None:
    caller = caller_of(bot)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(caller.stream, "[stub tokens=60 between_tokens=0.1]")
        eventually("the model was asked", lambda: requests_with(client_pod, "tokens=60"), bool)
        cluster.apply(resources.agent(bot, prompt="Be verbose."))
        events = slow.result(timeout=60).events
    text = "".join(data["text"] for name, data in events if name == "token")
    assert len(text.split()) == 60  # words, each a token of the stub's
    assert events[-1][0] == "done"
    eventually("the new prompt answers", lambda: caller.chat("Hello"), lambda it: "Be verbose." in it.text)


def test_no_chat_fails_while_a_new_prompt_rolls_out(
    cluster: Cluster, client_pod: ClientPod, bot: str, caller_of: CallerOf
) -> None:
    caller = caller_of(bot)
    assert caller.chat("Hello").status == 200
    before = revision(cluster, bot, "bot")
    url = f"http://bot.{bot}.svc/chat"
    with ThreadPoolExecutor(1) as pool:
        burst = pool.submit(client_pod.run, BURST, url, str(caller.token), "12")
        cluster.apply(resources.agent(bot, prompt="Be verbose."))
        result = json.loads(burst.result(timeout=60))
    assert revision(cluster, bot, "bot") != before
    assert result["answered"] > 10
    assert result["failed"] == []


def requests_with(client_pod: ClientPod, text: str) -> list[str]:
    """The requests in the stub's record whose body has the text."""
    answer = client_pod.request("GET", "http://model-stub.gagarin-e2e.svc/requests")
    return [text] if text in answer.text else []


def test_a_rotated_key_is_used_by_the_running_pod(cluster: Cluster, bot: str, caller_of: CallerOf) -> None:
    caller = caller_of(bot)
    before = caller.chat("Hello").json["answer"]
    pods = [pod["metadata"]["uid"] for pod in cluster.list("Pod", bot)]
    cluster.apply(resources.secret(bot, value="key-two"))
    fingerprint = before.rsplit("sha256:", 1)[1][:12]
    eventually(
        "the new key is used",
        lambda: caller.chat("Hello").json["answer"],
        lambda it: fingerprint not in it,
        20,
    )
    after = cluster.list("Pod", bot)
    assert [pod["metadata"]["uid"] for pod in after] == pods
    assert all(pod["status"]["containerStatuses"][0]["restartCount"] == 0 for pod in after)


def test_only_the_instances_that_use_an_agent_roll_when_it_changes(cluster: Cluster, bot: str) -> None:
    cluster.apply(resources.agent(bot, "other"), resources.instance(bot, "bystander", agent="other"))
    eventually("the bystander is Ready", lambda: cluster.get("Instance", bot, "bystander"), is_ready)
    revisions = {name: revision(cluster, bot, name) for name in ("bot", "bystander")}
    cluster.apply(resources.agent(bot, prompt="Be verbose."))
    eventually("bot rolled", lambda: revision(cluster, bot, "bot"), lambda now: now != revisions["bot"])
    eventually("bot is Ready again", lambda: cluster.get("Instance", bot, "bot"), is_ready)
    assert revision(cluster, bot, "bystander") == revisions["bystander"]


def revision(cluster: Cluster, namespace: str, name: str) -> str:
    """The revision that serves."""
    instance = cluster.get("Instance", namespace, name)
    assert instance is not None
    return str(instance["status"].get("servingRevision"))
