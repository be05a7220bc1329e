"""One proxy for all tests here, one namespace for each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from gagarin.kube.resources import NAMESPACE
from tests.integration.controller.proxy import Proxy
from tests.integration.controller.world import World
from tests.integration.controlplane import ControlPlane

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def proxy(crds: ControlPlane) -> Iterator[Proxy]:
    proxy = Proxy(crds.server, crds.ca_file)
    yield proxy
    proxy.stop()


@pytest.fixture
def world(crds: ControlPlane, proxy: Proxy, tmp_path: Path) -> Iterator[World]:
    """A namespace of its own, with garbage collection and the other controllers running."""
    crds.start_controllers()
    namespace = f"operator-{next(_numbers)}"
    world = World(crds, proxy, tmp_path, namespace)
    made = crds.call("POST", NAMESPACE.path(), {"metadata": {"name": namespace}})
    assert made.status == 201, made.message
    yield world
    world.end()
