"""Lines of pods, through a program that stands for kubectl."""

from __future__ import annotations

import json

import pytest

from gagarin.cli import forwarding
from gagarin.cli.errors import CommandError
from gagarin.cli.podlogs import Wanted, lines, shaped
from gagarin.core.objects import Key
from tests.unit.cli.kubectl import Kubectl

HELPER = Key("Instance", "team-a", "helper")
EVENT = '[pod/helper-1/chat] {"time":"T1","level":"info","log":"event","message":"ready","port":8080}'
ACCESS = '[pod/helper-1/chat] {"time":"T2","level":"info","log":"access","status":200,"route":"/chat"}'
OTHER = "[pod/helper-1/tool-clock] plain \x1b[31mwords"


def test_a_line_is_read_by_people() -> None:
    assert shaped(EVENT, Wanted()) == "helper-1 T1 info event ready port=8080"
    assert shaped(ACCESS, Wanted()) == "helper-1 T2 info access status=200 route=/chat"
    assert shaped(OTHER, Wanted()) == "helper-1 plain [31mwords"
    assert shaped("no prefix", Wanted()) == "no prefix"


def test_one_kind_leaves_everything_else_out() -> None:
    found = [shaped(line, Wanted("access")) for line in (EVENT, ACCESS, OTHER)]
    assert [line is not None for line in found] == [False, True, False]


def test_programs_get_the_objects_with_the_pod_s_name() -> None:
    assert json.loads(shaped(ACCESS, Wanted(json=True)) or "") == {
        "pod": "helper-1",
        "time": "T2",
        "level": "info",
        "log": "access",
        "status": 200,
        "route": "/chat",
    }
    assert shaped(OTHER, Wanted(json=True)) is None


def test_a_kind_that_does_not_exist_is_refused() -> None:
    with pytest.raises(CommandError, match="'metrics' is not one of event, access, audit"):
        Wanted("metrics")


def test_kubectl_is_asked_for_all_pods_of_the_instance(kubectl: Kubectl) -> None:
    kubectl.says(f"{EVENT}\n{ACCESS}\n")
    found = list(lines(forwarding.Kubectl(), HELPER, Wanted("event", tail=5)))
    assert found == ["helper-1 T1 info event ready port=8080"]
    assert kubectl.called == [
        *("--namespace", "team-a", "logs", "--selector", "gagarin.fyodorov.ai/instance=helper"),
        *("--all-containers", "--prefix", "--tail=5", "--max-log-requests=50"),
    ]


def test_following_ends_kubectl_when_it_is_left(kubectl: Kubectl) -> None:
    kubectl.says(f"{EVENT}\n", "signal.pause()")
    found = lines(forwarding.Kubectl(), HELPER, Wanted(follow=True))
    assert next(found).endswith("port=8080")
    found.close()  # type: ignore[attr-defined]  # it is a generator
    assert kubectl.called[-1] == "--follow"


def test_kubectl_s_failure_is_ours(kubectl: Kubectl) -> None:
    kubectl.says("", "sys.exit(1)")
    with pytest.raises(CommandError, match="kubectl logs ended with status 1"):
        list(lines(forwarding.Kubectl(), HELPER, Wanted()))
