"""axe-core, which knows the rules of WCAG that a program can check."""

from __future__ import annotations

import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from playwright.async_api import Page

NODE = Path(__file__).parent / "node"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


async def faults(page: Page) -> list[str]:
    """What is wrong with the page as it is now: the rule, and the elements."""
    if not await page.evaluate("'axe' in window"):
        await page.add_script_tag(path=str(script()))
    options = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
    found = await page.evaluate("(options) => axe.run(document, options)", options)
    return [
        f"{rule['id']}: {node['html']} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def script() -> Path:
    """The file."""
    return modules() / "axe-core/axe.min.js"


@cache
def modules() -> Path:
    """What the lock names, as npm installs it."""
    folder = Path(tempfile.mkdtemp(prefix="axe-"))
    for name in ("package.json", "package-lock.json"):
        (folder / name).write_bytes((NODE / name).read_bytes())
    command = ("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline")
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "node_modules"
