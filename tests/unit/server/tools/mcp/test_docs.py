"""What docs/mcp.md shows is accepted as it stands, and its figures are those of the code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from gagarin.api.kinds import parse
from gagarin.server.tools.mcp.client import USUAL
from gagarin.server.tools.mcp.link import HANDSHAKE_VERSIONS, STATELESS_VERSION
from gagarin.server.tools.mcp.listing import MAX_FUNCTIONS, MAX_PAGES
from gagarin.server.tools.mcp.messages import MAX_MESSAGE_BYTES

ROOT = Path(__file__).resolve().parents[5]
PAGE = (ROOT / "docs/mcp.md").read_text(encoding="utf-8")
TEXT = " ".join(PAGE.split())
SHOWN = [yaml.safe_load(block.split("```")[0]) for block in PAGE.split("```yaml\n")[1:]]


@pytest.mark.parametrize("item", SHOWN, ids=lambda item: str(item["metadata"]["name"]))
def test_each_resource_is_valid(item: dict[str, Any]) -> None:
    item["metadata"]["namespace"] = "team-a"
    parse(item)


def test_figures_are_those_of_the_code() -> None:
    assert f"{MAX_MESSAGE_BYTES // 1024**2} MiB; a longer one" in TEXT
    assert f"{MAX_FUNCTIONS:,} of a server, on {MAX_PAGES} pages" in TEXT
    assert f"say what it offers | {USUAL.connect:g} s" in TEXT
    assert f"offered for {USUAL.grace:g} s" in TEXT
    assert f"after {USUAL.first_pause:g} s at first" in TEXT
    assert f"within {USUAL.call_patience:g} s" in TEXT
    assert (USUAL.longest_pause, USUAL.least_fresh, USUAL.wanted_pause) == (60.0, 60.0, 1.0)
    assert 'maxConnections, "max-connections", 16' in (ROOT / "bridge/main.go").read_text(encoding="utf-8")


def test_every_revision_is_named() -> None:
    for version in (STATELESS_VERSION, *HANDSHAKE_VERSIONS):
        assert version in PAGE
