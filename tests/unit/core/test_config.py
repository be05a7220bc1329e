"""The contract between operator and chat server: what one writes the other reads, or says why not."""

from __future__ import annotations

import msgspec
import pytest

from gagarin.core import config

PROVIDER = config.Provider(name="p", namespace="n", type="OpenAI", url="https://x.example.com/v1")
CONFIG = config.Config(
    schema_version=config.SCHEMA_VERSION,
    name="a",
    namespace="n",
    revision="r",
    prompt="Höflich.",
    model=config.ModelTarget(provider=PROVIDER, model="m", params={"b": 1, "a": None}),
    auth=config.Auth(audiences=("a.n.svc",)),
)


def test_what_is_written_is_read() -> None:
    assert config.decode(config.encode(CONFIG)) == CONFIG


def test_a_field_of_a_later_version_is_passed_over() -> None:
    text = config.encode(CONFIG).replace('"name":"a"', '"invented":[1],"name":"a"')
    assert config.decode(text) == CONFIG


def test_a_field_of_the_wrong_type_is_named() -> None:
    text = config.encode(CONFIG).replace('"prompt":"Höflich."', '"prompt":7')
    with pytest.raises(config.ConfigError, match=r"Expected `str`, got `int` - at `\$.prompt`"):
        config.decode(text)


def test_a_version_that_is_too_far_away_is_refused() -> None:
    text = config.encode(msgspec.structs.replace(CONFIG, schema_version=config.SCHEMA_VERSION + 1))
    with pytest.raises(config.ConfigError, match="differ by more than one minor version"):
        config.decode(text)
