"""Certificates: what only looks like one is found out here and not by the first chat."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.core.certificates import certificates_of, fault_of
from tests.unit.core.builders import CERTIFICATE

LOOKS_LIKE_ONE = "-----BEGIN CERTIFICATE-----\nbm90IHJlYWw=\n-----END CERTIFICATE-----\n"
PRIVATE_KEY = "-----BEGIN PRIVATE KEY-----\nbm90IHJlYWw=\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    "text",
    [
        CERTIFICATE,
        CERTIFICATE * 3,
        CERTIFICATE.replace("\n", "\r\n"),
        f"# Főtanúsítvány\n{CERTIFICATE}",
        PRIVATE_KEY + CERTIFICATE,
    ],
    ids=["one", "three", "with CRLF", "with a comment", "beside a key"],
)
def test_certificates_are_taken_and_kept_without_what_is_around_them(text: str) -> None:
    assert fault_of(text) is None
    kept = certificates_of(text)
    assert kept == CERTIFICATE * kept.count("BEGIN")
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=kept)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "this is not a PEM certificate"),
        ("hello", "this is not a PEM certificate"),
        (PRIVATE_KEY, "this is not a PEM certificate"),
        (CERTIFICATE[:-30], "this is not a PEM certificate"),
        (LOOKS_LIKE_ONE, "certificate 1 of 1 cannot be read"),
        (CERTIFICATE + LOOKS_LIKE_ONE, "certificate 2 of 2 cannot be read"),
        (CERTIFICATE.replace("MIIBfD", "MIIBfE"), "certificate 1 of 1 cannot be read"),
    ],
    ids=["nothing", "no PEM", "a key", "the end is missing", "no DER", "one of two", "another length"],
)
def test_what_is_none_is_told(text: str, fault: str) -> None:
    assert fault_of(text) == fault


@given(
    st.text() | st.text().map(lambda text: f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----")
)
def test_no_text_whatever_raises(text: str) -> None:
    assert fault_of(text)
