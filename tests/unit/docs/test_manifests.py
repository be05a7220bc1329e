"""Every manifest on a page is one that the API server would take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from gagarin.api.kinds import API_VERSION
from gagarin.cli.main import app
from gagarin.cli.validation import faults_of
from tests.unit.docs.pages import DOCS, blocks, name_of, pages


def manifests(page: Path) -> list[dict[str, Any]]:
    """The resources of our kinds in the YAML of a page."""
    found = [item for block in blocks(page, "yaml", "yml") for item in yaml.safe_load_all(block.text)]
    return [item for item in found if isinstance(item, dict) and item.get("apiVersion") == API_VERSION]


@pytest.mark.parametrize("page", [page for page in pages() if manifests(page)], ids=name_of)
def test_the_api_server_would_take_it(page: Path) -> None:
    for item in manifests(page):
        assert [f"{fault.path}: {fault.message}" for fault in faults_of(item)] == []


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_block_of_yaml_can_be_read(page: Path) -> None:
    for block in blocks(page, "yaml", "yml"):
        list(yaml.safe_load_all(block.text))


def test_the_first_agent_for_a_cluster_needs_nothing_but_its_key(tmp_path: Path) -> None:
    (block,) = (block for block in blocks(DOCS / "getting-started/own-cluster.md", "yaml"))
    (tmp_path / "agent.yaml").write_text(block.text, encoding="utf-8")
    result = CliRunner().invoke(app, ["lint", "-f", str(tmp_path), "-n", "team-a", "-o", "json"])
    findings = json.loads(result.stdout)["findings"]
    assert [(each["severity"], each["rule"]) for each in findings] == [("warning", "RefNotFound")]


def test_there_are_many() -> None:
    assert len([item for page in pages() for item in manifests(page)]) > 20
