"""The operator's settings, told to a command: the same names, the same meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gagarin.cli.errors import CommandError
from gagarin.cli.settings import OPTIONS, settings_of
from gagarin.cli.standins import CERTIFICATE
from gagarin.controller import options as operator
from gagarin.controller.settings import parse

GIVEN = {
    "instance-image": "registry/chat:1",
    "image-pull-policy": "Always",
    "instance-image-pull-secret": "one,two",
    "image-mirror": "docker.io=mirror/hub,ghcr.io=mirror/ghcr",
    "instance-http-proxy": "http://proxy:1",
    "instance-https-proxy": "http://proxy:2",
    "instance-no-proxy": ".svc,10.0.0.0/8",
    "instance-fs-group": "65532",
    "instance-run-as-user": "65533",
    "api-server-cidr": "10.0.0.1/32",
    "policy-stdio-image-prefix": "registry/tools/,registry/more/",
    "policy-annotation-prefix": "example.com/",
    "policy-secret-label": "agents=yes",
    "token-review": "true",
}


def test_every_option_is_the_operators_by_name_and_variable() -> None:
    known = {option.name: option for option in operator.OPTIONS}
    for option in OPTIONS:
        assert option.variable == known[option.name].variable
        assert option.many == (known[option.name].shape == "repeated")


def test_every_setting_that_decides_about_children_can_be_said_here() -> None:
    about_the_process = {"namespace", "host", "port", "pod-name", "workers", "kubeconfig"}
    about_the_process |= {"lease-namespace", "lease-name", "max-concurrent-rollouts", "resync-seconds"}
    about_the_process |= {"log-level", "log-format"}
    assert {option.name for option in operator.OPTIONS} - about_the_process == {
        option.name for option in OPTIONS
    }


def test_the_same_words_mean_the_same_to_both(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text(CERTIFICATE)
    given = GIVEN | {"instance-ca-bundle": str(bundle)}
    variables = {option.variable: given[option.name] for option in OPTIONS}
    theirs, ours = parse([], variables), settings_of(given)
    assert ours.render == theirs.render()
    assert ours.policy == theirs.policy
    assert parse([], {"GAGARIN_INSTANCE_IMAGE": "i"}).render() == settings_of({"instance-image": "i"}).render


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"image-mirror": "docker.io"}, "--image-mirror: 'docker.io' is not of the form FROM=TO"),
        ({"instance-fs-group": "x"}, "--instance-fs-group: 'x' is not a whole number"),
        ({"instance-ca-bundle": "/none"}, "--instance-ca-bundle: /none cannot be read"),
        ({"instance-ca-bundle": __file__}, "this is not a PEM certificate"),
    ],
)
def test_a_value_that_cannot_be_used_names_its_option(given: dict[str, Any], says: str) -> None:
    with pytest.raises(CommandError, match=says.replace("(", r"\(")):
        settings_of(given)
