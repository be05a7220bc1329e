"""Addresses outside of the repository: well-formed, encrypted, and of a host that somebody wanted there.

Whether they answer, `make docs-links` asks, which needs a network.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from yarl import URL

from tests.unit.docs.pages import name_of, pages

HOSTS = {
    "kagent.dev",
    "kind.sigs.k8s.io",
    "modelcontextprotocol.io",
    "opentelemetry.io",
    "prometheus-operator.dev",
    "www.litellm.ai",
    "www.w3.org",
}
LINK = re.compile(r"\]\((https?:[^)\s]+)\)|<(https?:[^>\s]+)>")


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_a_link_leads_to_a_known_host(page: Path) -> None:
    for found in LINK.finditer(page.read_text(encoding="utf-8")):
        url = URL(found[1] or found[2])
        assert url.scheme == "https"
        assert url.host in HOSTS, f"{url}: is it meant? Then add its host"
