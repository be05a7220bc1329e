"""What `gagarin convert` writes is taken by a strict API server, whatever shape the configuration had."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gagarin.core.objects import Object
from tests.integration.controlplane import ControlPlane
from tests.unit.conversion import configurations

SHAPES = {
    name.lower(): text
    for name, text in sorted(vars(configurations).items())
    if name.isupper() and name != "INVALID"
}
VARIABLES = {"OPENAI_API_KEY": "sk-1", "GOOGLE_API_KEY": "g-1", "SEARCH_TOKEN": "s-1", "COMPANY": "us"}
PATHS = {"Secret": "/api/v1/namespaces/default/secrets"}


def convert(file: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """`gagarin convert` in a process of its own, with these variables and no others."""
    command = [sys.executable, "-m", "gagarin.cli", "convert", str(file), "-o", str(folder)]
    return subprocess.run(
        [*command, "-n", "default"], capture_output=True, text=True, timeout=60, check=False, env=VARIABLES
    )


def written(folder: Path) -> list[Object]:
    return [item for file in sorted(folder.iterdir()) for item in yaml.safe_load_all(file.read_text())]


@pytest.mark.parametrize("shape", SHAPES)
def test_manifests_are_taken_as_they_stand(crds: ControlPlane, tmp_path: Path, shape: str) -> None:
    file, folder = tmp_path / "config.yaml", tmp_path / "manifests"
    file.write_text(SHAPES[shape])
    done = convert(file, folder)
    assert done.returncode == 0, done.stderr
    items = written(folder)
    assert items
    for item in items:
        ours = f"/apis/gagarin.fyodorov.ai/v1alpha1/namespaces/default/{item['kind'].lower()}s"
        answer = crds.apply(item, PATHS.get(item["kind"], ours))
        assert answer.status in (200, 201), f"{item['kind']} {item['metadata']['name']}: {answer.message}"
        crds.call("DELETE", f"{PATHS.get(item['kind'], ours)}/{item['metadata']['name']}")


def test_what_is_no_configuration_leaves_nothing_behind(tmp_path: Path) -> None:
    file, folder = tmp_path / "config.yaml", tmp_path / "manifests"
    file.write_text(configurations.INVALID)
    done = convert(file, folder)
    assert done.returncode == 1
    assert "agents[0].tools" in done.stderr
    assert not folder.exists()
