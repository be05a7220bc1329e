from __future__ import annotations

from pathlib import Path

import pytest

from gagarin.stub.errors import ApiError
from gagarin.stub.keys import Keys


def test_without_keys_anybody_may_ask() -> None:
    Keys().check("")


@pytest.mark.parametrize("key", ["", "other", "k1,k2"])
def test_another_key_is_refused(key: str) -> None:
    with pytest.raises(ApiError) as caught:
        Keys(frozenset({"k1", "k2"})).check(key)
    assert (caught.value.status, caught.value.code) == (401, "invalid_api_key")


def test_a_key_file_is_read_at_each_request(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("old\n")
    keys = Keys(file=file)
    keys.check("old")
    file.write_text("new, newer\n")
    keys.check("newer")
    with pytest.raises(ApiError):
        keys.check("old")


def test_a_key_file_that_cannot_be_read_refuses_everybody(tmp_path: Path) -> None:
    with pytest.raises(ApiError) as caught:
        Keys(file=tmp_path / "absent").check("k")
    assert caught.value.status == 500


def test_an_empty_key_file_refuses_everybody(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.touch()
    with pytest.raises(ApiError):
        Keys(file=file).check("")
