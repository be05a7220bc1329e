"""The page for troubleshooting has every reason that is not fine, in the words of the table in the code."""

from __future__ import annotations

import re
from pathlib import Path

from gagarin.core.reasons import REASONS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "troubleshooting.md").read_text()
ROW = re.compile(
    r"^\| `(?P<name>\w+)` \| (?P<condition>\w+) \| (?P<meaning>[^|]+) \| (?P<advice>[^|]+) \|$", re.MULTILINE
)


def test_every_reason_that_is_not_fine_has_its_row_with_what_to_do() -> None:
    rows = {(found["name"], found["condition"], found["meaning"]) for found in ROW.finditer(PAGE)}
    assert rows == {(each.name, each.condition, each.meaning) for each in REASONS if each.outlook != "Fine"}


def test_every_page_that_it_links_to_is_there() -> None:
    for page in re.findall(r"\]\(([\w-]+\.md)\)", PAGE):
        assert (Path(__file__).resolve().parents[2] / "docs" / page).exists(), page
