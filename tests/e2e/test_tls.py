"""The chat port with a certificate, and its renewal."""

from __future__ import annotations

from dataclasses import replace

from tests.e2e import resources
from tests.e2e.certificates import self_signed
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.conftest import CallerOf, is_ready


def test_a_renewed_certificate_is_shown_without_a_restart(
    cluster: Cluster, namespace: str, caller_of: CallerOf
) -> None:
    host = f"bot.{namespace}.svc"
    first, second = self_signed(host), self_signed(host)
    cluster.apply(
        resources.certificate(namespace, "bot-tls", first),
        resources.agent(namespace),
        resources.instance(namespace, tls={"secretName": "bot-tls"}),
    )
    ready = eventually("Instance bot is Ready", lambda: cluster.get("Instance", namespace, "bot"), is_ready)
    assert ready is not None
    assert ready["status"]["url"] == f"https://{host}"
    pods = uids(cluster, namespace)
    caller = replace(caller_of(namespace), ca=first[0])
    assert caller.chat("Hello").status == 200

    cluster.apply(resources.certificate(namespace, "bot-tls", second))
    renewed = replace(caller, ca=second[0])
    eventually(
        "the new certificate",
        lambda: renewed.try_post("/chat", {"input": "Hello"}).status,
        lambda it: it == 200,
    )
    assert "CERTIFICATE_VERIFY_FAILED" in caller.try_post("/chat", {"input": "Hello"}).text
    assert uids(cluster, namespace) == pods


def uids(cluster: Cluster, namespace: str) -> list[str]:
    return [pod["metadata"]["uid"] for pod in cluster.list("Pod", namespace)]
