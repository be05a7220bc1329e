"""Every `helm upgrade` on a page renders: the charts take these values, and mean something by them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.unit.charts.rendering import ROOT, helm
from tests.unit.docs.pages import DOCS, name_of, pages

SITE = next(
    found[1]
    for found in [re.search(r"```yaml\n# site.yaml\n(.*?)```", (DOCS / "install.md").read_text(), re.DOTALL)]
    if found
)


def upgrades(page: Path) -> list[str]:
    """The command lines of a page that install or upgrade one of the charts."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()]
    return [line.partition("  #")[0] for line in lines if re.match(r"helm upgrade .*charts/", line)]


@pytest.mark.parametrize("page", [page for page in pages() if upgrades(page)], ids=name_of)
def test_an_installation_renders(page: Path, tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE, encoding="utf-8")
    for line in upgrades(page):
        told = re.sub(r"\$?REGISTRY", "registry.example.com", line)
        words = shlex.split(told.replace("site.yaml", f"{tmp_path}/site.yaml"))
        left_out = {"helm", "upgrade", "--install", "--wait", "--create-namespace"}
        left_out |= {"--reset-then-reuse-values", "--reuse-values"}
        release, chart, *options = (word for word in words if word not in left_out)
        rendered = helm("template", release, ROOT / chart, "--kube-version", "1.30.0", *options)
        assert rendered.returncode == 0, f"{line}\n{rendered.stderr}"


def test_there_are_such_lines() -> None:
    assert len([line for page in pages() for line in upgrades(page)]) > 10
