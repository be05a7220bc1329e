"""What docs/tools.md shows is accepted as it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from gagarin.api.kinds import parse
from gagarin.server.tools.toolset import MAX_PARALLEL, MAX_RESULT_CHARS

PAGE = (Path(__file__).resolve().parents[4] / "docs/tools.md").read_text(encoding="utf-8")
SHOWN = [yaml.safe_load(block.split("```")[0]) for block in PAGE.split("```yaml\n")[1:]]
OURS = [item for item in SHOWN if item["apiVersion"].startswith("gagarin.")]


@pytest.mark.parametrize("item", OURS, ids=lambda item: str(item["metadata"]["name"]))
def test_each_resource_is_valid(item: dict[str, Any]) -> None:
    item["metadata"]["namespace"] = "team-a"
    parse(item)


def test_bounds_are_those_of_the_code() -> None:
    assert f"at most {MAX_RESULT_CHARS:,} characters" in " ".join(PAGE.split())
    assert f"up to {MAX_PARALLEL}." in PAGE
