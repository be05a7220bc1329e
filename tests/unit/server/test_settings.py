"""Command line over environment over default; what cannot be used is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from gagarin.server import settings
from gagarin.serving.errors import StartError


def test_the_defaults_are_those_of_a_pod() -> None:
    found = settings.parse([], {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "6443"})
    assert found.config == Path("/etc/gagarin/agent.json")
    assert found.secrets == Path("/var/run/secrets/gagarin")
    assert found.data == Path("/var/lib/gagarin")
    assert (found.host, found.port, found.ops_port) == ("0.0.0.0", 8080, 8081)
    assert found.api_server == "https://10.0.0.1:6443"
    assert found.api_token_file == Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
    assert found.termination_log == Path("/dev/termination-log")
    assert (found.drain_seconds, found.log_level) == (None, "info")


def test_an_ipv6_address_of_the_api_server_is_bracketed() -> None:
    assert settings.parse([], {"KUBERNETES_SERVICE_HOST": "fd00::1"}).api_server == "https://[fd00::1]:443"


def test_outside_of_a_cluster_the_api_server_has_its_usual_name() -> None:
    assert settings.parse([], {}).api_server == "https://kubernetes.default.svc:443"


def test_the_command_line_beats_the_environment_and_the_environment_the_default() -> None:
    environment = {"GAGARIN_PORT": "1", "GAGARIN_OPS_PORT": "2", "GAGARIN_DRAIN_SECONDS": "2.5"}
    found = settings.parse(["--port", "3"], environment)
    assert (found.port, found.ops_port, found.drain_seconds) == (3, 2, 2.5)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1", "https://a.b"])
def test_the_api_server_may_be_https_or_on_loopback(url: str) -> None:
    assert settings.parse(["--api-server", url + "/"], {}).api_server == url


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--port", "70000"], "--port"),
        (["--port", "x"], "--port"),
        (["--drain-seconds", "-1"], "--drain-seconds"),
        (["--drain-seconds", "nan"], "--drain-seconds"),
        (["--drain-seconds", "soon"], "--drain-seconds"),
        (["--log-level", "loud"], "--log-level"),
        (["--api-server", "http://10.0.0.1"], "--api-server"),
        (["--api-server", "http://example.org"], "--api-server"),
        (["--api-server", "https://"], "--api-server"),
        (["--colour", "red"], "--colour"),
        (["--conf", "x"], "--conf"),
    ],
)
def test_what_cannot_be_used_is_named(arguments: list[str], named: str) -> None:
    with pytest.raises(StartError, match=named):
        settings.parse(arguments, {})


def test_a_variable_that_cannot_be_used_is_named() -> None:
    with pytest.raises(StartError, match=r"GAGARIN_PORT: 'tcp://10.0.0.1:80' is not a port number"):
        settings.parse([], {"GAGARIN_PORT": "tcp://10.0.0.1:80"})


def test_help_names_every_option_and_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        settings.parse(["--help"], {})
    assert ended.value.code == 0
    assert "--api-token-file" in capsys.readouterr().out


def test_the_termination_log_is_known_before_there_are_settings() -> None:
    assert settings.termination_log({"GAGARIN_TERMINATION_LOG": "/tmp/x"}) == Path("/tmp/x")
    assert settings.termination_log({}) == Path("/dev/termination-log")
