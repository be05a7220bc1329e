"""First manifests."""

from __future__ import annotations

from pathlib import Path

import pytest

from gagarin.cli.errors import CommandError
from gagarin.cli.init import FILES, write
from gagarin.cli.lint import lint
from gagarin.cli.manifests import read
from gagarin.core.policy import Policy


def test_they_are_whole_and_lack_nothing_but_the_key(tmp_path: Path) -> None:
    written = list(write(tmp_path / "new", "helper"))
    assert [file.name for file in written] == list(FILES)
    findings = lint(read([tmp_path / "new"]), Policy())
    assert [(each.severity, each.rule) for each in findings] == [("warning", "RefNotFound")]
    assert "Secret default/openai does not exist" in findings[0].message
    assert "$" not in "".join(file.read_text() for file in written)


def test_nothing_is_overwritten_or_half_written(tmp_path: Path) -> None:
    (tmp_path / "instance.yaml").write_text("mine")
    with pytest.raises(CommandError, match=r"instance.yaml is there already; nothing was written"):
        list(write(tmp_path, "helper"))
    assert [file.name for file in tmp_path.iterdir()] == ["instance.yaml"]


@pytest.mark.parametrize("wrong", ["", "Helper", "-a", "a-", "a" * 41, "a\nb: c"])
def test_a_name_has_to_be_one(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(CommandError, match="is no name"):
        list(write(tmp_path, wrong))


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="file/below"):
        list(write(tmp_path / "file" / "below", "helper"))
