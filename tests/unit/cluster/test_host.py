"""Host: cgroup folders of both versions, and networks that are in the way."""

from ipaddress import IPv4Network
from pathlib import Path

import pytest

from hack.cluster import host, settings
from hack.cluster.host import cgroup_folders, overlaps

NODE = settings.read({"HOME": "/nowhere"}).node(1)
RANGES = (IPv4Network("10.244.0.0/16"), IPv4Network("10.96.0.0/16"))


@pytest.fixture
def version_1(tmp_path: Path) -> Path:
    for name in ("cpu", "cpuset", "memory"):
        (tmp_path / name).mkdir()
    (tmp_path / "cpuset" / "cpuset.cpus").write_text("0-1\n")
    (tmp_path / "cpuset" / "cpuset.mems").write_text("0\n")
    (tmp_path / "cpuacct").symlink_to("cpu")
    return tmp_path


@pytest.fixture
def version_2(tmp_path: Path) -> Path:
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu memory\n")
    (tmp_path / "system.slice").mkdir()
    return tmp_path


def test_version_1_has_a_folder_in_each_hierarchy(version_1: Path) -> None:
    expected = [version_1 / name / "gagarin-n1" for name in ("cpu", "cpuset", "memory")]
    assert cgroup_folders("gagarin-n1", version_1) == expected


def test_version_2_has_one_folder(version_2: Path) -> None:
    assert cgroup_folders("gagarin-n1", version_2) == [version_2 / "gagarin-n1"]


def test_version_1_folders_are_made_ready_for_processes(version_1: Path) -> None:
    for name in ("cpuset.cpus", "cpuset.mems"):  # the kernel makes these files with the folder
        (version_1 / "cpuset" / NODE.cgroup).mkdir(exist_ok=True)
        (version_1 / "cpuset" / NODE.cgroup / name).write_text("")
    host.make_cgroups(NODE, version_1)
    assert (version_1 / "memory" / NODE.cgroup).is_dir()
    assert (version_1 / "cpuset" / NODE.cgroup / "cpuset.cpus").read_text() == "0-1\n"


def test_version_2_hands_the_controllers_down(version_2: Path) -> None:
    host.make_cgroups(NODE, version_2)
    assert (version_2 / "cgroup.subtree_control").read_text() == "+memory"
    assert (version_2 / NODE.cgroup).is_dir()


def test_sweeping_removes_the_whole_tree_and_nothing_else(version_2: Path) -> None:
    (version_2 / NODE.cgroup / "kubepods" / "pod1").mkdir(parents=True)
    host.sweep_cgroups(NODE, version_2)
    assert sorted(path.name for path in version_2.iterdir() if path.is_dir()) == ["system.slice"]


@pytest.mark.parametrize("destination", ["10.244.3.0/24", "10.0.0.0/8", "10.96.0.10"])
def test_a_network_that_shares_addresses_is_in_the_way(destination: str) -> None:
    assert list(overlaps(["default", destination], RANGES)) == [destination]


def test_other_networks_are_not() -> None:
    assert not list(overlaps(["default", "172.17.0.0/16", "10.123.0.0/24", "192.168.1.1"], RANGES))
