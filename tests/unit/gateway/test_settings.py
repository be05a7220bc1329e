"""Options, environment, and what ends the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from gagarin.gateway.main import main
from gagarin.gateway.settings import INSTANCE_URL, parse
from gagarin.serving.errors import StartError

KUBECONFIG = """
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {USER}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
"""


def test_the_defaults_are_those_of_a_pod() -> None:
    settings = parse([], {})
    assert (settings.port, settings.ops_port, settings.kubeconfig) == (8080, 8081, None)
    assert settings.instance_url == INSTANCE_URL
    assert settings.cors_origins == ()


def test_the_command_line_wins_over_the_environment() -> None:
    environment = {"GAGARIN_PORT": "1", "GAGARIN_OPS_PORT": "2"}
    settings = parse(["--port", "3"], environment)
    assert (settings.port, settings.ops_port) == (3, 2)


@pytest.mark.parametrize("option", ["--tls-cert-file", "--tls-key-file"])
def test_a_certificate_and_its_key_go_together(option: str) -> None:
    with pytest.raises(StartError, match="--tls-cert-file and --tls-key-file"):
        parse([option, "tls.pem"], {})
    settings = parse(["--tls-cert-file", "tls.crt", "--tls-key-file", "tls.key"], {})
    assert (settings.tls_cert_file, settings.tls_key_file) == (Path("tls.crt"), Path("tls.key"))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--port", "70000"),
        ("--default-namespace", "Team A"),
        ("--namespace", "A"),
        ("--instance-url", "{name}"),
        ("--instance-url", "http://{other}"),
        ("--instance-url", "http://{name}?a=b"),
        ("--cors-origins", "https://a.example.com/path"),
        ("--cors-origins", "a.example.com"),
        ("--max-body", "0"),
        ("--body-timeout", "soon"),
        ("--drain-seconds", "-1"),
        ("--log-level", "loud"),
        ("--web-page", "yes"),
    ],
)
def test_what_cannot_be_used_is_named(option: str, value: str) -> None:
    with pytest.raises(StartError, match=option):
        parse([option, value], {})
    variable = "GAGARIN_" + option[2:].replace("-", "_").upper()
    with pytest.raises(StartError, match=variable):
        parse([], {variable: value})


def started(folder: Path, user: str, *options: str) -> int:
    file = folder / "kubeconfig"
    file.write_text(KUBECONFIG.replace("{USER}", user))
    return main(
        ["--kubeconfig", str(file), "--host", "127.0.0.1", "--port", "0", "--ops-port", "0", *options]
    )


@pytest.mark.parametrize(
    ("user", "options", "said"),
    [
        ("{client-certificate-data: YQ==, client-key-data: YQ==}", (), "it has a client certificate"),
        ("{token: x}", ("--instance-ca-file", "/nowhere"), "--instance-ca-file /nowhere"),
        ("{token: x}", ("--port", "x"), "--port"),
        ("{token: x}", ("--host", "192.0.2.1"), "cannot listen on 192.0.2.1"),
        ("{token: x}", ("--kubeconfig", "/nowhere"), "kubeconfig /nowhere"),
    ],
)
def test_a_start_that_fails_is_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], user: str, options: tuple[str, ...], said: str
) -> None:
    assert started(tmp_path, user, *options) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert said in lines[0]
    assert lines[0].startswith("gagarin.gateway: ")
