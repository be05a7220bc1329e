"""Which API server, and as whom."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path
from typing import Any

import pytest
import yaml

from gagarin.kube.endpoint import Endpoint, TokenSource, from_kubeconfig, in_cluster
from gagarin.kube.errors import EndpointError
from tests.unit.kube.certificates import key_pair

POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "6443"}


@pytest.fixture
def account(tmp_path: Path) -> Path:
    """A service account folder."""
    (tmp_path / "token").write_text("first\n")
    (tmp_path / "namespace").write_text("team-a\n")
    (tmp_path / "ca.crt").write_text(key_pair()[0])
    return tmp_path


def kubeconfig(
    folder: Path, cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None
) -> Path:
    path = folder / "config"
    document = {
        "current-context": "here",
        "contexts": [
            {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "team-a"}},
            {"name": "lost", "context": {"cluster": "nowhere"}},
        ],
        "clusters": [{"name": "c", "cluster": {"server": "https://api:6443", **(cluster or {})}}],
        "users": [{"name": "u", "user": user if user is not None else {"token": "t"}}],
    }
    path.write_text(yaml.safe_dump(document))
    return path


def test_a_pod_finds_its_api_server_and_namespace(account: Path) -> None:
    endpoint = in_cluster(POD, account)
    assert (endpoint.server, endpoint.namespace) == ("https://10.0.0.1:6443", "team-a")
    assert TokenSource(endpoint).read() == "first"
    assert isinstance(endpoint.ssl_context(), ssl.SSLContext)


def test_an_ipv6_address_gets_brackets(account: Path) -> None:
    assert in_cluster({"KUBERNETES_SERVICE_HOST": "fd00::1"}, account).server == "https://[fd00::1]:443"


def test_outside_of_a_pod_there_is_no_endpoint(account: Path) -> None:
    with pytest.raises(EndpointError, match="KUBERNETES_SERVICE_HOST"):
        in_cluster({}, account)


def test_a_pod_without_its_files_has_no_endpoint(tmp_path: Path) -> None:
    with pytest.raises(EndpointError, match="service account folder"):
        in_cluster(POD, tmp_path)


def test_a_replaced_token_is_read_again(account: Path) -> None:
    tokens = TokenSource(in_cluster(POD, account))
    assert tokens.read() == "first"
    (account / "new").write_text("second")
    (account / "new").replace(account / "token")
    assert tokens.read() == "second"


def test_a_token_that_is_missing_for_a_moment_is_not_forgotten(account: Path) -> None:
    tokens = TokenSource(in_cluster(POD, account))
    assert tokens.read() == "first"
    (account / "token").unlink()
    assert tokens.read() == "first"


def test_a_token_that_was_never_there_is_an_error(account: Path) -> None:
    (account / "token").unlink()
    with pytest.raises(EndpointError, match="token file"):
        TokenSource(in_cluster(POD, account)).read()


def test_a_kubeconfig_gives_its_current_context(tmp_path: Path) -> None:
    endpoint = from_kubeconfig(kubeconfig(tmp_path))
    assert (endpoint.server, endpoint.token, endpoint.namespace) == ("https://api:6443", "t", "team-a")


def test_a_kubeconfig_may_hold_certificates_or_name_their_files(tmp_path: Path) -> None:
    certificate, key = key_pair()
    (tmp_path / "ca.pem").write_text(certificate)
    user = {
        "client-certificate-data": base64.b64encode(certificate.encode()).decode(),
        "client-key-data": base64.b64encode(key.encode()).decode(),
    }
    endpoint = from_kubeconfig(kubeconfig(tmp_path, {"certificate-authority": "ca.pem"}, user))
    context = endpoint.ssl_context()
    assert (endpoint.ca, endpoint.client_certificate, endpoint.client_key) == (certificate, certificate, key)
    assert context is not None
    assert context.verify_mode == ssl.CERT_REQUIRED


def test_a_token_file_is_found_beside_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "tok").write_text("from a file")
    endpoint = from_kubeconfig(kubeconfig(tmp_path, user={"tokenFile": "tok"}))
    assert TokenSource(endpoint).read() == "from a file"


def test_verification_is_off_only_when_the_kubeconfig_says_so(tmp_path: Path) -> None:
    context = from_kubeconfig(kubeconfig(tmp_path, {"insecure-skip-tls-verify": True})).ssl_context()
    assert context is not None
    assert context.verify_mode == ssl.CERT_NONE


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ({"exec": {"command": "login"}}, "exec is not supported"),
        ({"client-key-data": "%%%"}, "client-key"),
        ({"client-certificate": "absent.pem"}, "client-certificate"),
    ],
)
def test_credentials_that_cannot_be_used_are_named(tmp_path: Path, user: dict[str, Any], words: str) -> None:
    with pytest.raises(EndpointError, match=words):
        from_kubeconfig(kubeconfig(tmp_path, user=user))


def test_a_missing_context_or_cluster_is_named(tmp_path: Path) -> None:
    with pytest.raises(EndpointError, match="'other'"):
        from_kubeconfig(kubeconfig(tmp_path), "other")
    with pytest.raises(EndpointError, match="'nowhere'"):
        from_kubeconfig(kubeconfig(tmp_path), "lost")


@pytest.mark.parametrize("text", ["- a list", "{", "\t"])
def test_a_file_that_is_no_kubeconfig_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(EndpointError, match="kubeconfig"):
        from_kubeconfig(tmp_path / "config")


def test_an_absent_kubeconfig_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EndpointError, match="absent"):
        from_kubeconfig(tmp_path / "absent")


def test_secrets_stay_out_of_the_repr() -> None:
    assert "hush" not in repr(Endpoint("https://api", token="hush", client_key="hush"))


def test_plain_http_has_no_tls() -> None:
    assert Endpoint("http://127.0.0.1:1/").ssl_context() is None


def test_an_address_without_a_scheme_is_refused() -> None:
    with pytest.raises(EndpointError, match="https://"):
        Endpoint("api:6443")


def test_nonsense_for_certificates_is_an_error() -> None:
    with pytest.raises(EndpointError, match="certificates"):
        Endpoint("https://api", ca="nonsense").ssl_context()
