"""What docs/getting-started tells for a cluster of one's own, on a real one: pasted, and ready."""

from __future__ import annotations

from functools import partial

import yaml

from tests.e2e import resources
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.conftest import is_ready
from tests.unit.docs.pages import DOCS, blocks


def test_the_first_agent_of_the_page_gets_ready(cluster: Cluster, namespace: str) -> None:
    (block,) = blocks(DOCS / "getting-started/own-cluster.md", "yaml")
    items = yaml.safe_load_all(block.text.replace("team-a", namespace))
    cluster.apply(resources.secret(namespace, "openai", "a-key"))
    cluster.apply(*({**item, "metadata": {**item["metadata"], "namespace": namespace}} for item in items))
    eventually("it is Ready", partial(cluster.get, "Instance", namespace, "helper"), is_ready)
    who = f"--as=system:serviceaccount:{namespace}:my-app"
    may = ("auth", "can-i", "create", "instances.gagarin.fyodorov.ai/helper", "--subresource=chat")
    assert cluster.kubectl(namespace, *may, who).strip() == "yes"
