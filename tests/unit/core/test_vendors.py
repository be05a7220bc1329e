"""The capability table: complete for every type of provider, and usable as it is."""

from __future__ import annotations

from typing import get_args

import pytest

from gagarin.api.provider import ProviderType
from gagarin.core import config
from gagarin.core.vendors import VENDORS


def test_every_type_of_provider_is_in_the_table() -> None:
    assert set(VENDORS) == set(get_args(ProviderType)) == set(get_args(config.ProviderType))


def test_only_where_the_schema_demands_a_url_there_is_none() -> None:
    assert {name for name, vendor in VENDORS.items() if vendor.url is None} == {"Azure", "OpenAICompatible"}


@pytest.mark.parametrize("name", VENDORS)
def test_a_default_url_has_no_slash_at_its_end(name: str) -> None:
    assert not (VENDORS[name].url or "").endswith("/")
