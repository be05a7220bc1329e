"""Images and kind: what builders and kind are asked for."""

import json
from pathlib import Path

from hack.cluster import kind, settings
from hack.cluster.images import Build, pip_config
from hack.cluster.machine import is_bookworm, missing


def test_pip_inside_a_build_uses_this_machines_index() -> None:
    text = pip_config({"PIP_INDEX_URL": "https://index.example/simple", "PIP_NO_DEPS": "1", "PIP_PROXY": ""})
    assert "index-url = https://index.example/simple" in text.splitlines()
    assert "deps" not in text
    assert "proxy" not in text


def test_a_build_passes_its_arguments_on() -> None:
    build = Build("app:1", Path("context"), Path("Dockerfile"), ("A=1", "B=2"))
    options = ["--tag", "app:1", "--file", Path("Dockerfile"), "--build-arg", "A=1", "--build-arg", "B=2"]
    assert build.options == [*options, Path("context")]


def test_kind_makes_one_control_plane_and_workers() -> None:
    nodes = json.loads(kind.config(3))["nodes"]
    assert [node["role"] for node in nodes] == ["control-plane", "worker", "worker"]


def test_kind_never_writes_the_users_kubeconfig() -> None:
    values = settings.read({"HOME": "/home/ada"})
    command = kind.creation(values, values.kind_kubeconfig)
    assert "--kubeconfig=/home/ada/.cache/gagarin/kind/kubeconfig" in command
    assert f"--image={values.versions['kind-node']}" in command


def test_only_absent_programs_and_files_need_a_package(tmp_path: Path) -> None:
    (tmp_path / "here").touch()
    needs = {
        str(tmp_path / "here"): "one",
        str(tmp_path / "absent"): "two",
        "no-such-program": "two",
        "sh": "dash",
    }
    assert missing(needs) == ["two"]


def test_debian_12_is_known_by_its_codename(tmp_path: Path) -> None:
    release = tmp_path / "os-release"
    release.write_text('NAME="Debian GNU/Linux"\nVERSION_CODENAME=bookworm\n')
    assert is_bookworm(release)
    release.write_text("VERSION_CODENAME=noble\nUBUNTU_CODENAME=noble\n")
    assert not is_bookworm(release)
    assert not is_bookworm(tmp_path / "absent")
