"""The wheel of this tree as somebody new has it: pip installs it, and `gagarin dev` answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.dev import first_answer, installed


@pytest.fixture(scope="module")
def gagarin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, with what its extra names and nothing else of ours."""
    return installed(tmp_path_factory.mktemp("wheel"), Path(sys.executable))


def test_an_installed_wheel_answers_without_a_cluster(gagarin: Path, tmp_path: Path) -> None:
    _, answer = first_answer(gagarin, tmp_path)
    assert 'You said: "Hello"' in answer
    assert "You are a helpful assistant." in answer


def test_kubectl_finds_an_installed_wheel(gagarin: Path) -> None:
    plugin = gagarin.with_name("kubectl-gagarin")
    assert "dev" in subprocess.run([plugin, "--help"], check=True, capture_output=True, text=True).stdout
