"""Examples that only show what they are for where they really run."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import yaml

from scripts.manifests import program
from tests.e2e.caller import Answer, ClientPod
from tests.e2e.cluster import Cluster, Object, eventually
from tests.e2e.conftest import IMAGE, ROOT, is_ready, run

APP = "gagarin-example-app"
NAMED = "gagarin.local/gagarin:dev"


def objects(folder: Path, namespace: str) -> list[Object]:
    """What `kubectl apply -k` would apply, with the image under test, in a namespace of this run."""
    rendered = run(program("kubectl"), "kustomize", folder)
    return list(yaml.safe_load_all(rendered.replace(NAMED, IMAGE).replace(APP, namespace)))


@pytest.fixture
def shop(cluster: Cluster, client_pod: ClientPod) -> Iterator[str]:
    """The example application, running; its namespace."""
    name = f"e2e-shop-{secrets.token_hex(4)}"
    try:
        cluster.apply(*objects(ROOT / "examples/app", name))
        eventually("desk is Ready", partial(cluster.get, "Instance", name, "desk"), is_ready)
        eventually("shop runs", partial(cluster.get, "Deployment", name, "shop"), has_pods)
        yield name
    finally:
        cluster.delete("Namespace", "", name)


def has_pods(deployment: Object | None) -> bool:
    return bool(deployment and deployment.get("status", {}).get("readyReplicas"))


def test_an_application_asks_on_behalf_of_people(cluster: Cluster, client_pod: ClientPod, shop: str) -> None:
    def ask(user: str, accept: str = "application/json") -> Answer:
        body = {"user": user, "question": "Where is my order?"}
        return client_pod.request("POST", f"http://shop.{shop}.svc/ask", body, {"Accept": accept})

    first = eventually("the shop answers", partial(ask, "ann"), lambda it: it.status == 200)
    assert "0 earlier messages" in first.json["answer"]
    assert "2 earlier messages" in ask("ann", "text/plain").text
    assert "0 earlier messages" in ask("bob").json["answer"]

    cluster.delete("RoleBinding", shop, "chat-with-desk")
    refused = eventually("it may not any more", partial(ask, "ann"), lambda it: it.status != 200)
    assert refused.status == 502
    assert f"system:serviceaccount:{shop}:shop may not create instances/chat" in refused.text
