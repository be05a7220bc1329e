"""NetworkPolicies where they are enforced: what an Instance's policy lets through, and what it blocks."""

from __future__ import annotations

from tests.e2e import resources
from tests.e2e.caller import ClientPod
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.conftest import SHARED, CallerOf, is_ready

CONNECT = """
import socket, sys
host, port = sys.argv[1], int(sys.argv[2])
try:
    socket.create_connection((host, port), 2).close()
    print("open")
except OSError as error:
    print(error)
"""
OPS_PORT = 8081
CLIENTS = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": SHARED}}}
NOBODY = {"podSelector": {"matchLabels": {"app": "nobody"}}}
MODEL = CLIENTS | {"podSelector": {"matchLabels": {"app": "model-stub"}}, "ports": [8080]}


def test_the_chat_and_metrics_ports_are_open_to_all_namespaces_and_nothing_else_is(
    cluster: Cluster, client_pod: ClientPod, standing_bot: str
) -> None:
    address = pod_address(cluster, standing_bot)
    assert is_open(client_pod, address, 8080)
    assert is_open(client_pod, address, OPS_PORT)
    # Nothing listens there: without a policy the connection is refused at once instead of getting no answer.
    assert connection(client_pod, address, 9999) == "timed out"


def test_from_narrows_who_may_connect_to_the_chat_port(
    cluster: Cluster, client_pod: ClientPod, bot: str, caller_of: CallerOf
) -> None:
    address = pod_address(cluster, bot)
    cluster.apply(resources.instance(bot, networkPolicy={"from": [NOBODY]}))
    eventually("the chat port is closed", lambda: is_open(client_pod, address, 8080), lambda open_: not open_)
    assert is_open(client_pod, address, OPS_PORT), "metrics are still to be had"
    cluster.apply(resources.instance(bot, networkPolicy={"from": [NOBODY, CLIENTS]}))
    eventually("the chat port is open again", lambda: is_open(client_pod, address, 8080), bool)
    assert caller_of(bot).chat("Hello").status == 200
    assert pod_address(cluster, bot) == address, "a change of the policy rolls no pod"


def test_restricted_egress_reaches_the_api_server_and_the_peers_alone(
    cluster: Cluster, bot: str, caller_of: CallerOf
) -> None:
    caller = caller_of(bot)
    cluster.apply(resources.instance(bot, networkPolicy={"egress": "Restricted"}))
    eventually("the model is out of reach", lambda: caller.chat("Hello").status, lambda status: status >= 500)
    # The caller of a chat that got so far was verified with the API server's keys, and RBAC was asked.
    cluster.apply(resources.instance(bot, networkPolicy={"egress": "Restricted", "egressPeers": [MODEL]}))
    eventually("the model answers", lambda: caller.chat("Hello").status, lambda status: status == 200)
    eventually("the Instance is Ready", lambda: cluster.get("Instance", bot, "bot"), is_ready)


def pod_address(cluster: Cluster, namespace: str) -> str:
    (pod,) = cluster.list("Pod", namespace, "gagarin.fyodorov.ai/instance=bot")
    return str(pod["status"]["podIP"])


def is_open(client_pod: ClientPod, address: str, port: int) -> bool:
    return connection(client_pod, address, port) == "open"


def connection(client_pod: ClientPod, address: str, port: int) -> str:
    """ "open", or what the connection failed with."""
    return client_pod.run(CONNECT, address, str(port)).strip()
