"""Names that no Instance can have are told apart from those that none has."""

from __future__ import annotations

import pytest

from gagarin.cli.errors import CommandError
from gagarin.cli.instancenames import instance_key
from gagarin.core.objects import Key


def test_a_name_and_a_namespace_are_an_instance() -> None:
    assert instance_key("team-a", "helper") == Key("Instance", "team-a", "helper")


@pytest.mark.parametrize("name", ["", "My Agent", "a/b", "../secrets", "日本", "a" * 53, "-a", "a\n"])
def test_what_is_no_name_is_told(name: str) -> None:
    with pytest.raises(CommandError, match="is no name of an Instance"):
        instance_key("team-a", name)


@pytest.mark.parametrize("namespace", ["", "no such", "a/b", "A", "a" * 64])
def test_what_is_no_namespace_is_told(namespace: str) -> None:
    with pytest.raises(CommandError, match="is no name of a namespace"):
        instance_key(namespace, "helper")
