"""Settings: where files are, what nodes are called, and bad values."""

from pathlib import Path

import pytest

from hack.cluster import settings
from hack.cluster.errors import ClusterError


def test_the_cache_follows_the_environment() -> None:
    assert settings.read({"HOME": "/home/ada"}).cache == Path("/home/ada/.cache/gagarin")
    assert settings.read({"HOME": "/home/ada", "XDG_CACHE_HOME": "/c"}).state == Path("/c/gagarin/node")


def test_nodes_do_not_share_names_or_addresses() -> None:
    nodes = settings.read({"HOME": "/home/ada"}).nodes()
    for values in zip(
        *((node.name, node.address, node.pods, node.link, node.cgroup) for node in nodes), strict=True
    ):
        assert len(set(values)) == len(nodes)
    assert [node.controls for node in nodes] == [True] + [False] * (len(nodes) - 1)


@pytest.mark.parametrize("value", ["fast", "0", "-1", "2.5"])
def test_a_bad_rate_names_its_variable(value: str) -> None:
    with pytest.raises(ClusterError, match="CLUSTER_API_RATE"):
        settings.read({"HOME": "/home/ada", "CLUSTER_API_RATE": value})
