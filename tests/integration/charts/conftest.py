"""A control plane of the charts' own: they bring the definitions themselves, and remove them again."""

from collections.abc import Iterator

import pytest

from tests.integration.charts.installation import Installation
from tests.integration.controlplane import ControlPlane


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A Kubernetes without anything of Gagarin in it."""
    plane = ControlPlane(tmp_path_factory.mktemp("charts"))
    try:
        plane.start()
        plane.start_controllers()
        yield Installation(plane)
    finally:
        plane.stop()
