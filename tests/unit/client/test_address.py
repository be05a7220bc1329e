"""Where an Instance is, and as whom it is called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gagarin.client import Client, SettingsError, SyncClient
from gagarin.client.address import TOKEN_FILE, Address, Bearer, checked_url, in_cluster, trusted


def test_in_a_cluster_a_name_is_enough(tmp_path: Path) -> None:
    namespace = tmp_path / "namespace"
    namespace.write_text("team-a\n")
    found = in_cluster("helper", namespace_file=namespace)
    assert found == Address("http://helper.team-a.svc", TOKEN_FILE)
    assert in_cluster("helper", "team-b").url == "http://helper.team-b.svc"


def test_tls_is_asked_for_or_follows_from_a_bundle() -> None:
    assert in_cluster("helper", "a", tls=True).url == "https://helper.a.svc"
    assert in_cluster("helper", "a", ca_file=Path("ca.crt")) == Address(
        "https://helper.a.svc", TOKEN_FILE, Path("ca.crt")
    )


def test_without_a_mounted_namespace_one_has_to_be_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="name the Instance's"):
        in_cluster("helper", namespace_file=tmp_path / "absent")


@pytest.mark.parametrize(
    ("instance", "namespace"),
    [("a.evil.example/", "b"), ("a", "b/c"), ("", "b"), ("A", "b"), ("a", "x" * 64)],
)
def test_names_are_names(instance: str, namespace: str) -> None:
    with pytest.raises(SettingsError, match="is no name of"):
        in_cluster(instance, namespace)


def test_both_clients_are_made_from_a_name() -> None:
    assert isinstance(Client.in_cluster("helper", "team-a", attempts=1), Client)
    assert isinstance(SyncClient.in_cluster("helper", "team-a", end_user="ann"), SyncClient)
    with pytest.raises(SettingsError, match="attempts"):
        SyncClient.in_cluster("helper", "team-a", attempts=0)


def test_a_url_loses_the_slash_at_its_end() -> None:
    assert checked_url("https://host:8443/path/") == "https://host:8443/path"


@pytest.mark.parametrize(
    "wrong", ["helper", "ftp://host", "http://", "http://host:port", "http://host:0", "http://[::1"]
)
def test_what_is_no_url_is_refused(wrong: str) -> None:
    with pytest.raises(SettingsError, match="is no URL of an Instance"):
        checked_url(wrong)


@pytest.mark.parametrize("wrong", ["http://user:word@host", "http://host?a=b", "http://host#a"])
def test_a_url_has_no_further_parts_and_the_message_no_password(wrong: str) -> None:
    with pytest.raises(SettingsError, match="no user, no query") as caught:
        checked_url(wrong)
    assert "word" not in str(caught.value)


def test_a_token_is_not_shown() -> None:
    assert "s3cret" not in repr(Address("http://host", "s3cret"))


def test_a_replaced_file_is_read_again(tmp_path: Path) -> None:
    file, new = tmp_path / "token", tmp_path / "new"
    file.write_text("first\n")
    bearer = Bearer(file)
    assert bearer.header() == "Bearer first"
    new.write_text("second")
    new.rename(file)
    assert bearer.header() == "Bearer second"


def test_a_file_that_is_absent_for_a_moment_keeps_the_old_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first")
    bearer = Bearer(file)
    bearer.header()
    file.unlink()
    assert bearer.header() == "Bearer first"


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first")
    bearer = Bearer(file)
    bearer.header()
    before = file.stat()
    file.write_text("other")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert bearer.header() == "Bearer first"


def test_a_function_is_asked_each_time() -> None:
    tokens = iter(["one", "two"])
    bearer = Bearer(lambda: next(tokens))
    assert [bearer.header(), bearer.header()] == ["Bearer one", "Bearer two"]


@pytest.mark.parametrize("wrong", ["", " \n", "two words", "two\nlines", "ü"])
def test_what_is_no_token_is_not_sent(wrong: str) -> None:
    with pytest.raises(SettingsError, match="no token") as caught:
        Bearer(wrong).header()
    assert wrong not in str(caught.value) or not wrong.strip()


def test_a_file_that_was_never_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=str(tmp_path / "token")):
        Bearer(tmp_path / "token").header()


def test_certificates_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("nonsense")
    for file in ("ca.crt", "absent"):
        with pytest.raises(SettingsError, match=file):
            trusted(Address("https://host", "t", tmp_path / file))
