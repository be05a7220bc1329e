"""Command line over environment over default, and a clear end for what cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from gagarin.controller.options import OPTIONS, read_ca_bundle
from gagarin.controller.settings import Settings, field_of, parse
from gagarin.core.policy import Policy
from gagarin.core.settings import CA_BUNDLE_BYTES, Proxy, RenderSettings
from tests.unit.kube.certificates import key_pair

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
    assert [field_of(option) for option in OPTIONS] == list(Settings.__dataclass_fields__)


def test_the_settings_of_the_children_are_passed_on() -> None:
    settings = parse([*IMAGE, "--image-pull-policy", "Never", "--kubeconfig", "/k"], {})
    assert settings.render() == RenderSettings(image="chat:1", image_pull_policy="Never")
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
        (
            [*IMAGE, "--image-mirror", "docker.io"],
            {},
            "--image-mirror: 'docker.io' is not of the form FROM=TO",
        ),
        (IMAGE, {"GAGARIN_INSTANCE_HTTP_PROXY": "proxy:3128"}, "GAGARIN_INSTANCE_HTTP_PROXY: 'proxy:3128'"),
        (IMAGE, {"GAGARIN_TOKEN_REVIEW": "yes"}, "GAGARIN_TOKEN_REVIEW: 'yes' is not one of true, false"),
        ([*IMAGE, "--api-server-cidr", "10.0.0.1/8"], {}, "--api-server-cidr: 10.0.0.1/8 has host bits set"),
        ([*IMAGE, "--instance-ca-bundle", "/absent.pem"], {}, "--instance-ca-bundle: /absent.pem cannot be"),
        ([*IMAGE, "--instance-fs-group", "-1"], {}, "--instance-fs-group: '-1'"),
        ([*IMAGE, "--workers", "²"], {}, "--workers: '²' is not a whole number"),
    ],
)
def test_what_cannot_be_used_ends_the_start_and_is_named(
    arguments: list[str], environment: dict[str, str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments, environment)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_what_reaches_the_children_is_one_value(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text(key_pair()[0])
    proxy = ["--instance-http-proxy", "http://p:1", "--instance-no-proxy", ".svc,10.0.0.0/8"]
    mirrors = [
        "--image-mirror",
        "docker.io/=mirror.example/hub/",
        "--image-mirror",
        "ghcr.io/=mirror.example/gh/",
    ]
    users = ["--instance-fs-group", "1000", "--instance-run-as-user", "1001"]
    secrets = {"GAGARIN_INSTANCE_IMAGE_PULL_SECRET": "a, b", "GAGARIN_API_SERVER_CIDR": "10.0.0.1/32"}
    options = [*IMAGE, *proxy, *mirrors, *users, "--instance-ca-bundle", str(bundle)]
    assert parse(options, secrets).render() == RenderSettings(
        image="chat:1",
        image_pull_secrets=("a", "b"),
        image_mirrors=(("docker.io/", "mirror.example/hub/"), ("ghcr.io/", "mirror.example/gh/")),
        proxy=Proxy(http="http://p:1", no_proxy=".svc,10.0.0.0/8"),
        ca_bundle=key_pair()[0],
        fs_group=1000,
        run_as_user=1001,
        api_server_cidrs=("10.0.0.1/32",),
    )


def test_the_policy_is_what_the_installation_says() -> None:
    assert parse(IMAGE, {}).policy == Policy()
    options = [*IMAGE, "--token-review", "--policy-stdio-image-prefix", "ghcr.io/tools/"]
    environment = {"GAGARIN_POLICY_ANNOTATION_PREFIX": "a/,b/", "GAGARIN_POLICY_SECRET_LABEL": "team=x"}
    assert parse(options, environment).policy == Policy(
        stdio_images=("ghcr.io/tools/",),
        annotation_prefixes=("a/", "b/"),
        secret_label="team=x",
        token_review=True,
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"-----BEGIN CERTIFICATE-----", "not a PEM certificate"),
        (b"\xff\xfe", "cannot be read"),
        (key_pair()[0].encode() * (CA_BUNDLE_BYTES // 400), "has more than"),
    ],
)
def test_a_ca_bundle_that_cannot_be_used_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(content)
    with pytest.raises(ValueError, match=words):
        read_ca_bundle(bundle)
