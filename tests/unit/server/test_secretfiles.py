"""A replaced file is read again; an unchanged one is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gagarin.server.errors import SecretUnreadable
from gagarin.server.secretfiles import SecretFiles


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "team-a" / "openai" / "key"
    file.parent.mkdir(parents=True)
    file.write_text("first\n")
    return file


@pytest.fixture
def secrets(tmp_path: Path) -> SecretFiles:
    return SecretFiles(tmp_path)


NAME = "team-a/openai/key"


def test_white_space_around_a_value_is_not_part_of_it(file: Path, secrets: SecretFiles) -> None:
    assert secrets.read(NAME) == "first"


def test_a_replaced_file_is_read_again(file: Path, secrets: SecretFiles) -> None:
    secrets.read(NAME)
    new = file.with_suffix(".new")
    new.write_text("second")
    new.rename(file)
    assert secrets.read(NAME) == "second"


def test_a_file_that_looks_the_same_is_read_again_only_when_asked_to(
    file: Path, secrets: SecretFiles
) -> None:
    secrets.read(NAME)
    status = file.stat()
    file.write_text("other\n")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert secrets.read(NAME) == "first"
    assert secrets.read(NAME, again=True) == "other"


def test_a_missing_file_is_named_without_its_folder(secrets: SecretFiles, tmp_path: Path) -> None:
    with pytest.raises(SecretUnreadable) as caught:
        secrets.read("team-a/openai/none")
    assert str(caught.value) == "secret file team-a/openai/none cannot be read: No such file or directory"


def test_a_file_that_is_no_text_is_refused_without_quoting_it(file: Path, secrets: SecretFiles) -> None:
    file.write_bytes(b"\xffsecret")
    with pytest.raises(SecretUnreadable) as caught:
        secrets.read(NAME)
    assert str(caught.value) == f"secret file {NAME} cannot be read: it is not UTF-8 text"
