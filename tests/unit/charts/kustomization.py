"""What `kubectl apply -k` would apply, by the real kubectl; building needs no cluster."""

import shutil
import subprocess
from pathlib import Path

import yaml

from scripts.manifests import program
from tests.unit.charts.rendering import Object


def build(folder: Path) -> list[Object]:
    """The objects of a folder with a kustomization."""
    command = [program("kubectl"), "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return list(yaml.load_all(done.stdout, yaml.CSafeLoader))


def build_with_image(folder: Path, name: str, tag: str, into: Path) -> list[Object]:
    """The same after a user has said in its `images` where the image was pushed."""
    copy = Path(shutil.copytree(folder, into / folder.name))
    path = copy / "kustomization.yaml"
    kustomization = yaml.safe_load(path.read_text())
    kustomization["images"] = [{"name": "gagarin.local/gagarin", "newName": name, "newTag": tag}]
    path.write_text(yaml.safe_dump(kustomization))
    return build(copy)
