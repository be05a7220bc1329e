"""kubectl as a child process that leads to an Instance."""

from __future__ import annotations

from pathlib import Path

import pytest

from gagarin.cli import forwarding
from gagarin.cli.errors import CommandError
from gagarin.cli.forwarding import forwarded
from gagarin.core.objects import Key
from tests.unit.cli.kubectl import Kubectl

HELPER = Key("Instance", "team-a", "helper")
READY = "Forwarding from 127.0.0.1:4711 -> 8080\n"


def test_the_port_is_what_kubectl_says(kubectl: Kubectl) -> None:
    kubectl.says(READY, "signal.pause()")
    with forwarded(forwarding.Kubectl(Path("/my/config"), "kind"), HELPER, 80) as port:
        assert port == 4711
    assert kubectl.called == [
        *("--kubeconfig", "/my/config", "--context", "kind"),
        *("--namespace", "team-a", "port-forward", "service/helper", ":80", "--address", "127.0.0.1"),
    ]


def test_why_it_fails_is_passed_on(kubectl: Kubectl) -> None:
    kubectl.says('Error from server (NotFound): services "helper" not found\n', "sys.exit(1)")
    with (
        pytest.raises(CommandError, match='services "helper" not found'),
        forwarded(forwarding.Kubectl(), HELPER, 80),
    ):
        pass
    kubectl.says("", "sys.exit(1)")
    with pytest.raises(CommandError, match="said nothing"), forwarded(forwarding.Kubectl(), HELPER, 80):
        pass


def test_one_that_does_not_want_to_end_is_made_to(kubectl: Kubectl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "STOP_SECONDS", 0.1)
    kubectl.says(
        "", f"signal.signal(signal.SIGTERM, signal.SIG_IGN); print({READY!r}, flush=True); signal.pause()"
    )
    with forwarded(forwarding.Kubectl(), HELPER, 80) as port:
        assert port == 4711


def test_without_kubectl_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(CommandError, match="has to be installed"),
        forwarded(forwarding.Kubectl(), HELPER, 80),
    ):
        pass
