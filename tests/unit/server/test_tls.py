"""A provider's certificate is checked with its own bundle where there is one."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from gagarin.server.errors import SecretUnreadable
from gagarin.server.secretfiles import SecretFiles
from gagarin.server.tls import TrustStore
from tests.unit.server.certificates import self_signed
from tests.unit.server.providing import provider


def test_without_a_bundle_the_system_s_certificates_count(tmp_path: Path) -> None:
    assert TrustStore(provider("https://x"), SecretFiles(tmp_path)).context() is True


def test_a_bundle_is_made_into_a_context_once(tmp_path: Path) -> None:
    pem, _ = self_signed("localhost")
    store = TrustStore(provider("https://x", ca_bundle=pem), SecretFiles(tmp_path))
    context = store.context()
    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode, len(context.get_ca_certs())) == (ssl.CERT_REQUIRED, 1)
    assert store.context() is context


def test_a_replaced_bundle_is_used(tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    file.write_text(self_signed("one")[0])
    store = TrustStore(provider("https://x", ca_bundle_file="ca.crt"), SecretFiles(tmp_path))
    first = store.context()
    file.write_text(self_signed("another.name")[0])
    assert store.context() is not first


def test_a_bundle_that_is_none_is_told(tmp_path: Path) -> None:
    store = TrustStore(provider("https://x", ca_bundle="nonsense"), SecretFiles(tmp_path))
    with pytest.raises(SecretUnreadable, match="not PEM"):
        store.context()
