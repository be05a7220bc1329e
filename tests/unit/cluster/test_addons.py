"""Addons: what a cluster is given, and for which way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from hack.cluster import addons, images, settings
from hack.cluster.binaries import BINARIES, NODE

MANIFESTS = sorted((settings.SOURCE / "addons").glob("*.yaml"))
FILLED = {"image": "gagarin.local/one:1", "address": "10.96.0.10"}
DOCKERFILE = settings.REPOSITORY / "images/Dockerfile"


def test_an_addons_image_is_called_after_its_version() -> None:
    values = settings.read({"HOME": "/home/ada"})
    assert addons.image(values, "metrics-server").endswith(f":{values.versions['metrics-server']}")


def test_a_node_is_made_without_what_only_some_ask_for() -> None:
    assert {"netpol", "volumes"} <= set(NODE)
    assert not set(addons.METRICS) & set(NODE)


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.stem)
def test_a_manifest_leaves_nothing_to_be_filled_in(manifest: Path) -> None:
    text = manifest.read_text()
    for name, value in FILLED.items():
        text = text.replace(f"${name}", value)
    objects = list(yaml.safe_load_all(text))
    assert not re.search(r": \$\w+", text)
    assert all({"apiVersion", "kind", "metadata"} <= set(one) for one in objects)


def test_exactly_one_storage_class_is_the_default() -> None:
    objects = [one for path in MANIFESTS for one in yaml.safe_load_all(path.read_text())]
    classes = [one for one in objects if one["kind"] == "StorageClass"]
    assert [one["metadata"]["annotations"] for one in classes] == [
        {"storageclass.kubernetes.io/is-default-class": "true"}
    ]


def test_the_dockerfile_has_the_stage_that_a_finished_bridge_stands_in_for() -> None:
    text = DOCKERFILE.read_text()
    assert images.BRIDGE_STAGE in text
    assert "COPY --from=bridge /bridge /opt/gagarin/bin/bridge" in text.splitlines()
    assert BINARIES["bridge"].folder == settings.REPOSITORY / "bridge"
