"""Contexts: the digest of a build changes with what the build may see, and with nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hack.cluster import contexts, settings

IGNORE = "# only the sources\n*\n!src\n!lock.txt\n**/__pycache__\n"


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "src" / "deep" / "__pycache__").mkdir(parents=True)
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "lock.txt").write_text("a==1\n")
    (tmp_path / "src" / "main.py").write_text("print()\n")
    (tmp_path / "src" / "deep" / "__pycache__" / "main.pyc").write_text("bytes")
    (tmp_path / "notes.md").write_text("notes")
    (tmp_path / ".dockerignore").write_text(IGNORE)
    return tmp_path


def digest(context: Path, *arguments: str) -> str:
    return contexts.digest(context, context / "Dockerfile", arguments)


def test_only_what_a_build_may_copy_is_looked_at(context: Path) -> None:
    assert sorted(contexts.files(context)) == ["lock.txt", "src/main.py"]


def test_without_a_dockerignore_everything_is(context: Path) -> None:
    (context / ".dockerignore").unlink()
    assert "src/deep/__pycache__/main.pyc" in set(contexts.files(context))


@pytest.mark.parametrize(
    "change",
    [
        lambda context: (context / "src" / "main.py").write_text("print(1)\n"),
        lambda context: (context / "src" / "new.py").write_text(""),
        lambda context: (context / "src" / "main.py").rename(context / "src" / "other.py"),
        lambda context: (context / "src" / "main.py").chmod(0o755),
        lambda context: (context / "Dockerfile").write_text("FROM scratch\nUSER 1\n"),
    ],
)
def test_a_change_of_what_is_built_changes_the_digest(
    context: Path, change: Callable[[Path], object]
) -> None:
    before = digest(context)
    change(context)
    assert digest(context) != before


def test_a_change_of_what_is_left_out_does_not(context: Path) -> None:
    before = digest(context)
    (context / "notes.md").write_text("other notes")
    (context / "src" / "deep" / "__pycache__" / "main.pyc").write_text("other bytes")
    assert digest(context) == before


def test_build_arguments_count(context: Path) -> None:
    assert digest(context, "BASE=a") != digest(context, "BASE=b")


@pytest.mark.parametrize(
    ("patterns", "name", "ignored"),
    [
        ("*.md", "a.md", True),
        ("*.md", "docs/a.md", False),
        ("**/*.md", "a.md", True),
        ("**/*.md", "docs/deep/a.md", True),
        ("docs", "docs/a.md", True),
        ("/docs/", "docs/a.md", True),
        ("docs", "docs2/a.md", False),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("*\n!docs", "docs/a.md", False),
        ("!docs\n*", "docs/a.md", True),
        ("a+b", "a+b", True),
    ],
)
def test_patterns_mean_what_they_mean_to_docker(patterns: str, name: str, ignored: bool) -> None:
    assert contexts.is_ignored(name, contexts.parse(patterns)) is ignored


def test_the_repositorys_own_image_sees_the_lock_and_the_package() -> None:
    found = set(contexts.files(settings.REPOSITORY))
    assert {"locks/image.txt", "operator/gagarin/__init__.py"} <= found
    assert not {
        name for name in found if not name.startswith(("locks/image.txt", "operator/gagarin/", "bridge/"))
    }
