"""Nodes: which of them take pods, and which process a life file means."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hack.cluster.lives import Life
from hack.cluster.nodes import ready_names

TAINT = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


def node(name: str, *, ready: str = "True", taints: list[dict[str, str]] | None = None) -> dict[str, Any]:
    conditions = [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": ready}]
    spec = {"taints": taints} if taints else {}
    return {"metadata": {"name": name}, "spec": spec, "status": {"conditions": conditions}}


@pytest.mark.parametrize(
    ("found", "names"),
    [
        (node("a"), {"a"}),
        (node("a", ready="False"), set()),
        (node("a", ready="Unknown"), set()),
        (node("a", taints=[TAINT]), set()),
        ({"metadata": {"name": "a"}, "spec": {}, "status": {}}, set()),
    ],
)
def test_a_node_takes_pods_when_it_is_ready_and_untainted(found: dict[str, Any], names: set[str]) -> None:
    assert ready_names(json.dumps({"items": [found]})) == names


def test_the_calling_process_goes_on() -> None:
    life = Life.of_caller()
    assert life.pid == os.getpid()
    assert life.goes_on()


@pytest.mark.parametrize("other", [{"began": "1"}, {"boot": "another boot"}, {"pid": 2**30}])
def test_another_process_with_its_pid_is_not_taken_for_it(other: dict[str, Any]) -> None:
    assert not replace(Life.of_caller(), **other).goes_on()


def test_a_life_survives_its_file(tmp_path: Path) -> None:
    Life.of_caller().write(tmp_path / "life")
    assert Life.read(tmp_path / "life") == Life.of_caller()


@pytest.mark.parametrize("text", [None, "", "12", "12 34", "a life of four words"])
def test_a_missing_or_broken_file_is_no_life(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "life").write_text(text)
    assert Life.read(tmp_path / "life") is None
