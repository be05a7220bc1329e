"""Command line over environment over default, and a clear end for what cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from gagarin.controller.settings import OPTIONS, Settings, parse

IMAGE = ["--instance-image", "chat:1"]


def test_the_defaults_need_only_an_image() -> None:
    settings = parse(IMAGE, {})
    assert settings.instance_image == "chat:1"
    assert (settings.namespaces, settings.scopes) == ((), (None,))
    assert (settings.port, settings.workers, settings.max_concurrent_rollouts) == (8081, 16, 20)
    assert settings.image_pull_policy is None
    assert settings.kubeconfig is None
    assert settings.pod_name


def test_the_command_line_comes_before_the_environment() -> None:
    environment = {"GAGARIN_PORT": "1", "GAGARIN_WORKERS": "2", "GAGARIN_INSTANCE_IMAGE": "chat:2"}
    settings = parse(["--port", "3", *IMAGE], environment)
    assert (settings.port, settings.workers, settings.instance_image) == (3, 2, "chat:1")


def test_namespaces_may_be_repeated_or_separated_by_commas() -> None:
    assert parse([*IMAGE, "--namespace", "a", "--namespace", "b"], {}).namespaces == ("a", "b")
    assert parse(IMAGE, {"GAGARIN_NAMESPACES": "a, b,,a"}).scopes == ("a", "b")


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert parse(IMAGE, {"GAGARIN_PORT": "", "GAGARIN_IMAGE_PULL_POLICY": ""}).port == 8081


def test_every_option_has_its_field() -> None:
    assert {option.field for option in OPTIONS} == set(Settings.__dataclass_fields__)


def test_the_settings_of_the_children_are_passed_on() -> None:
    settings = parse([*IMAGE, "--image-pull-policy", "Never", "--kubeconfig", "/k"], {})
    assert (settings.render.image, settings.render.image_pull_policy) == ("chat:1", "Never")
    assert settings.kubeconfig == Path("/k")


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        ([], {}, "--instance-image (or GAGARIN_INSTANCE_IMAGE) is required"),
        ([*IMAGE, "--port", "70000"], {}, "--port: '70000' is not a whole number between 0 and 65535"),
        (IMAGE, {"GAGARIN_WORKERS": "many"}, "GAGARIN_WORKERS: 'many'"),
        (IMAGE, {"GAGARIN_IMAGE_PULL_POLICY": "Sometimes"}, "Always, IfNotPresent, Never"),
        ([*IMAGE, "--log-format", "xml"], {}, "--log-format: 'xml' is not one of json, text"),
        ([*IMAGE, "--image", "x"], {}, "unrecognized arguments: --image"),
    ],
)
def test_what_cannot_be_used_ends_the_start_and_is_named(
    arguments: list[str], environment: dict[str, str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments, environment)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err
