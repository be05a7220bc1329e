"""Programs and servers that stand for those around the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli.kubectl import Kubectl
from tests.unit.client.instance import Instance, threaded


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kubectl:
    """It is the one that is found."""
    return Kubectl(tmp_path, monkeypatch)


@pytest.fixture
def served() -> Iterator[Instance]:
    """A server that answers as a test says: an Instance, or an API server."""
    server = Instance()
    with threaded(server):
        yield server
