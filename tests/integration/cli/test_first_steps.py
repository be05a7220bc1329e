"""The first minutes of somebody new: init, dev, chat."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.integration.cli.dev import running


def gagarin(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gagarin.cli", *arguments]
    variables = os.environ | environment
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=variables)


def test_what_init_writes_runs_and_can_be_talked_to(tmp_path: Path) -> None:
    folder = tmp_path / "agent"
    assert gagarin("init", str(folder), "--name", "helper").returncode == 0
    assert gagarin("lint", "-f", str(folder)).returncode == 0
    with running(folder) as dev:
        done = gagarin("chat", "--url", dev.url, "-m", "Hello", GAGARIN_TOKEN=dev.token)
        assert done.returncode == 0, done.stderr
        assert 'You said: "Hello"' in done.stdout
        conversation = done.stderr.split()[-1]
        done = gagarin("chat", "--url", dev.url, "-m", "Again", "-c", conversation, GAGARIN_TOKEN=dev.token)
        assert "I was sent 2 earlier messages" in done.stdout
        refused = gagarin("chat", "--url", dev.url, "-m", "Hello", GAGARIN_TOKEN="wrong")
    assert refused.returncode == 1
    assert "a token has to be for this Instance" in refused.stderr


def test_a_standard_input_that_is_closed_is_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "lint").write_text(f"exec {sys.executable} -m gagarin.cli lint -f - <&-", encoding="utf-8")
    done = subprocess.run(["sh", tmp_path / "lint"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr.partition(" (")[0]) == (2, "error: -: no manifests there")
