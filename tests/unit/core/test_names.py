"""Names: long enough to be told apart, short enough to fit, and never the same for two."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.api.fields import LABEL, NAME
from gagarin.core import names
from gagarin.core.objects import Key

INSTANCES = st.from_regex(NAME, fullmatch=True).filter(lambda name: len(name) <= 52)
# Names made of few letters and the suffixes, so that what could collide comes up.
TRICKY = st.lists(st.sampled_from(["a", "-agent", "-data", "-0123456789"]), min_size=1, max_size=4).map(
    "".join
)
NAMESPACES = st.from_regex(LABEL, fullmatch=True).filter(lambda name: len(name) <= 63)
TOOLS = st.builds(Key, st.just("Tool"), NAMESPACES, INSTANCES)
REVISION = "0123456789"


@pytest.mark.parametrize(
    "name", [names.account_name, names.volume_name, lambda instance: names.config_name(instance, REVISION)]
)
@given(one=TRICKY, other=TRICKY)
def test_two_instances_never_want_the_same_name(name: Callable[[str], str], one: str, other: str) -> None:
    assert (name(one) == name(other)) == (one == other)


@given(instance=TRICKY, other=TRICKY, source=st.builds(Key, st.just("ConfigMap"), NAMESPACES, INSTANCES))
def test_a_copy_is_never_called_like_a_configuration(instance: str, other: str, source: Key) -> None:
    copy = names.local_name(Key("Instance", "-", instance), source)
    assert "." in copy
    assert copy != names.config_name(other, REVISION)


def test_what_is_beside_the_instance_keeps_its_name() -> None:
    instance = Key("Instance", "demo", "support")
    assert names.local_name(instance, Key("Secret", "demo", "openai")) == "openai"


def test_copies_of_different_things_have_different_names() -> None:
    instance = Key("Instance", "demo", "support")
    sources = [
        Key("Secret", "a", "b"),
        Key("Secret", "b", "a"),
        Key("ConfigMap", "a", "b"),
        Key("Secret", "a", "c"),
    ]
    assert len({names.local_name(instance, source) for source in sources}) == len(sources)


@given(TOOLS)
def test_the_names_of_a_tool_fit(tool: Key) -> None:
    assert len(names.container_name(tool)) <= 63
    assert len(names.scratch_name(tool)) <= 63
    assert len(names.socket_name(tool).encode()) <= names.SOCKET_CHARS


@given(TOOLS, TOOLS)
def test_two_tools_never_share_a_name(one: Key, other: Key) -> None:
    for name in (names.container_name, names.scratch_name, names.socket_name):
        assert (name(one) == name(other)) == (one == other)


def test_a_socket_says_whose_it_is_where_that_fits() -> None:
    assert names.socket_name(Key("Tool", "demo", "search")) == "demo.search"
    long = names.socket_name(Key("Tool", "n" * 63, "search"))
    assert (len(long), "_" in long) == (60, True)


def test_a_url_says_whether_there_is_a_certificate() -> None:
    assert names.url("support", "demo", tls=False) == "http://support.demo.svc"
    assert names.url("support", "demo", tls=True) == "https://support.demo.svc"
