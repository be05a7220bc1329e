"""Tools where they really run: a program in a sidecar, and another agent behind its own Instance."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from tests.e2e import resources
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.conftest import IMAGE, CallerOf, is_ready

ADDER = (Path(__file__).parent / "adder.py").read_text(encoding="utf-8")


def asking_for(function: str, **arguments: object) -> str:
    """A message that makes the stub model call a function."""
    return f"[stub tool_calls='{json.dumps([{'name': function, 'arguments': arguments}])}']"


def test_a_program_in_a_sidecar_answers_and_has_neither_tokens_nor_keys(
    cluster: Cluster, namespace: str, caller_of: CallerOf
) -> None:
    program = {"image": IMAGE, "command": ["python3", "-c", ADDER]}
    cluster.apply(
        resources.tool(namespace, "adder", "Stdio", stdio=program),
        resources.agent(namespace, tools=resources.uses("adder")),
        resources.instance(namespace),
    )
    eventually("Instance bot is Ready", lambda: cluster.get("Instance", namespace, "bot"), is_ready)
    caller, question = caller_of(namespace), asking_for("add", a=2, b=40)
    # A chat does not wait for a program that is still starting: the first ones may be answered without it.
    told = eventually(
        "the program was asked", lambda: caller.chat(question).text, lambda text: "the sum is 42" in text
    )
    assert "secrets=[] home=/tmp root=False" in told


def test_an_agent_asks_another_one_when_rbac_lets_it(
    cluster: Cluster, namespace: str, caller_of: CallerOf
) -> None:
    cluster.apply(
        resources.agent(namespace, "expert", prompt="You are the expert.", description="Knows it all."),
        resources.instance(namespace, "expert", agent="expert"),
        resources.tool(namespace, "expert", "Agent", agent={"instanceRef": {"name": "expert"}}),
        resources.agent(namespace, tools=resources.uses("expert")),
        resources.instance(namespace),
    )
    for name in ("expert", "bot"):
        eventually(f"{name} is Ready", partial(cluster.get, "Instance", namespace, name), is_ready)
    caller, question = caller_of(namespace), asking_for("expert", input="What is it?")
    refused = caller.chat(question)
    assert refused.status == 200, refused
    assert "You are the expert." not in refused.json["answer"]

    cluster.apply(*resources.grant(namespace, "bot-agent", "expert"))
    eventually(
        "the expert is asked",
        lambda: caller.chat(question).text,
        lambda text: "You are the expert." in text and "What is it?" in text,
    )
