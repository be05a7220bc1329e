"""`gagarin convert` writes what can be committed, keeps Secrets apart, and tells the rest."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from gagarin.cli.convert import as_documents, converted, report, write
from gagarin.cli.errors import CommandError
from gagarin.cli.main import app
from gagarin.conversion.report import Note
from tests.unit.conversion.configurations import INVALID, MINIMAL, QUICKSTART


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(QUICKSTART)
    return path


def test_manifests_and_secrets_are_written_apart(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    written = write(converted(file, "team-a"), folder)
    assert [path.name for path in written] == ["manifests.yaml", "secrets.yaml"]
    kinds = [item["kind"] for item in yaml.safe_load_all(written[0].read_text())]
    assert kinds == ["Provider", "Model", "Agent", "Instance"]
    assert "sk-test" not in written[0].read_text()
    assert written[1].stat().st_mode & 0o777 == 0o600


def test_without_keys_there_is_no_file_for_secrets(tmp_path: Path) -> None:
    written = write(converted(Path("-"), None, {}, io.StringIO(MINIMAL)), tmp_path)
    assert [path.name for path in written] == ["manifests.yaml"]


def test_nothing_is_overwritten_unless_that_is_wanted(file: Path, tmp_path: Path) -> None:
    conversion = converted(file, None)
    write(conversion, tmp_path)
    (tmp_path / "secrets.yaml").unlink()
    with pytest.raises(CommandError, match=r"manifests.yaml: there already \(--force overwrites\)"):
        write(conversion, tmp_path)
    assert not (tmp_path / "secrets.yaml").exists()
    assert len(write(conversion, tmp_path, force=True)) == 2


def test_a_folder_that_cannot_be_made_is_told(file: Path) -> None:
    with pytest.raises(CommandError, match=r"File exists|Not a directory"):
        write(converted(file, None), file / "below")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (INVALID, "agents\\[0\\].tools: must be a list"),
        ("a: 1\n---\nb: 2", "a configuration is one document, and this has 2"),
        ("a: &x [1]\nb: *x", "alias"),
        ("a: [", "config.yaml:2:1: not valid YAML"),
    ],
)
def test_what_cannot_be_converted_is_told(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(CommandError, match=fault):
        converted(path, None)


def test_a_file_that_is_not_there_or_not_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        converted(tmp_path / "config.yaml", None)
    (tmp_path / "config.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(CommandError, match="not UTF-8"):
        converted(tmp_path / "config.yaml", None)


def test_the_report_says_first_what_is_to_be_done() -> None:
    notes = [Note("dropped", "version", "no use"), Note("todo", "providers[0]", "make it")]
    assert report(notes) == [
        "left to be done:",
        "  providers[0]: make it",
        "without a counterpart, left out:",
        "  version: no use",
    ]
    assert as_documents([]) == ""


def test_the_command_prints_manifests_and_tells_the_rest_apart(file: Path) -> None:
    result = CliRunner().invoke(app, ["convert", str(file), "-n", "team-a"])
    assert result.exit_code == 0
    assert [item["kind"] for item in yaml.safe_load_all(result.stdout)][-1] == "Instance"
    assert "version: manifests have versions of their own" in result.stderr
    assert "1 Secret is left out: --output writes it to a file of its own" in result.stderr


def test_the_command_writes_files(file: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["convert", str(file), "-o", str(tmp_path / "out")])
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        str(tmp_path / "out" / name) for name in ("manifests.yaml", "secrets.yaml")
    ]
