"""The examples in the guide: they are taken as they stand, and what they refer to is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from gagarin.api.kinds import KINDS, parse
from gagarin.core.objects import ObjectMap
from gagarin.core.render import RenderSettings, render
from gagarin.core.resolve import resolve

FOLDER = Path(__file__).resolve().parents[3] / "docs"
PAGES = ("sharing.md", "networking.md", "pods.md")


def examples(page: str) -> list[dict[str, Any]]:
    text = (FOLDER / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [item for block in blocks for item in yaml.safe_load_all(block)]


@pytest.mark.parametrize("page", PAGES)
def test_an_example_works_when_it_is_pasted(page: str) -> None:
    items = examples(page)
    for item in items:
        if item["kind"] in KINDS:
            parse(item, unknown="forbid")
            resolution = resolve(item, ObjectMap(items))
            assert resolution.problems == ()
            assert (item["kind"] == "Instance") == (resolution.resolved is not None)


def test_what_the_pages_say_of_copies_is_so() -> None:
    items = examples("sharing.md")
    (item,) = (each for each in items if each["kind"] == "Instance")
    resolved = resolve(item, ObjectMap(items)).resolved
    assert resolved is not None
    copies = [child for child in render(resolved, RenderSettings(image="img:1")) if child["kind"] == "Secret"]
    assert [set(copy["data"]) for copy in copies] == [{"api-key"}]
    assert copies[0]["metadata"]["name"].startswith("helper.")
